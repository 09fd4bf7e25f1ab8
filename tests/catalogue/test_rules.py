"""Barcodes and search texts, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalogue import rules

DIGITS = st.text("0123456789", min_size=7, max_size=13).filter(lambda digits: len(digits) in (7, 11, 12, 13))


@pytest.mark.parametrize(
    ("_case", "digits", "expected"),
    [
        ("GTIN-13, GS1's example", "629104150021", 3),
        ("GTIN-13 of a pencil", "400638133393", 1),
        ("GTIN-12", "03600029145", 2),
        ("GTIN-8", "7351353", 7),
        ("GTIN-14", "1061414100041", 5),
        ("sum divisible by ten", "0000000", 0),
    ],
)
def test_check_digit(_case: str, digits: str, expected: int) -> None:
    assert rules.check_digit(digits) == expected


@given(DIGITS, st.integers(0, 12), st.integers(1, 9))
def test_the_check_digit_notices_any_single_wrong_digit(digits: str, place: int, change: int) -> None:
    place %= len(digits)
    wrong = digits[:place] + str((int(digits[place]) + change) % 10) + digits[place + 1 :]
    assert rules.check_digit(wrong) != rules.check_digit(digits)


@given(DIGITS)
def test_leading_zeros_do_not_change_the_check_digit(digits: str) -> None:
    assert rules.check_digit(digits.zfill(13)) == rules.check_digit(digits)


@pytest.mark.parametrize(
    ("_case", "codes", "warnings"),
    [
        ("valid", ["4006381333931"], []),
        ("wrong", ["4006381333932"], ["Barcode 4006381333932: the check digit should be 1, not 2"]),
        ("no GTIN: letters", ["400638133393X"], []),
        ("no GTIN: nine digits", ["123456789"], []),
        ("no GTIN: digits of another script", ["٤٠٠٦٣٨١٣٣٣٩٣٢"], []),
        ("each one", ["4006381333932", "x", "036000291453"], ["4006381333932", "036000291453"]),
    ],
)
def test_a_wrong_check_digit_warns(_case: str, codes: list[str], warnings: list[str]) -> None:
    found = rules.barcode_warnings(codes)
    assert len(found) == len(warnings)
    assert all(part in sentence for part, sentence in zip(warnings, found, strict=True))


@pytest.mark.parametrize(
    ("code", "forms"),
    [
        ("036000291452", ["036000291452", "0036000291452", "00036000291452"]),
        ("0036000291452", ["0036000291452", "036000291452", "00036000291452"]),
        ("4006381333931", ["4006381333931", "04006381333931"]),
        ("00000073513537", ["00000073513537", "73513537", "000073513537", "0000073513537"]),
        ("ABC-1", ["ABC-1"]),
    ],
)
def test_the_forms_of_a_code(code: str, forms: list[str]) -> None:
    assert rules.lookup_forms(code) == forms


@pytest.mark.parametrize(
    ("quantity", "bulk_quantity", "bulk"), [(9, 10, False), (10, 10, True), (11, 10, True), (10**9, None, False)]
)
def test_the_bulk_price_counts_from_its_quantity_on(quantity: int, bulk_quantity: int | None, bulk: bool) -> None:
    assert rules.is_bulk(quantity, bulk_quantity) is bulk


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  nitrile   gloves ", ("nitrile", "gloves")),
        ("50% off_now\\", ("50", "off", "now")),
        ("-- ; '", ()),
        ("%%%", ()),
        ("a b c d e f g h", ("a", "b", "c", "d", "e", "f")),
        ("tape tape tape", ("tape",)),
        ("x" * 100, ("x" * 40,)),
        ("Größe", ("Größe",)),
    ],
)
def test_search_words(text: str, words: tuple[str, ...]) -> None:
    assert rules.search_words(text) == words


@given(st.text(max_size=200))
def test_search_words_never_hold_signs_of_like(text: str) -> None:
    words = rules.search_words(text)
    assert len(words) <= 6
    assert not any(sign in word for word in words for sign in "%_\\")


@pytest.mark.parametrize(
    ("_case", "upc", "codes", "expected"),
    [
        ("nothing", None, [], []),
        ("a UPC is alone of its kind", "U", ["036000291452", "U"], [("U", "gtin"), ("036000291452", "alias")]),
        ("without one the form says it", None, ["A", "036000291452", "A"], [("A", "alias"), ("036000291452", "gtin")]),
    ],
)
def test_kinds_of_barcodes(_case: str, upc: str | None, codes: list[str], expected: list[tuple[str, str]]) -> None:
    assert rules.coded(upc, codes) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "A", "036000291452", "0036000291452"]))))
def test_repeated_codes_are_those_that_an_earlier_line_has(lines: list[tuple[int, str]]) -> None:
    codes = [rules.Code(line, "barcode", value) for line, value in sorted(lines)]
    first = {code.key: code.line for code in reversed(codes)}
    assert rules.repeated(codes) == [code for code in codes if code.line != first[code.key]]
    assert len({rules.Code(0, "sku", value).key for value in ("a", "A")}) == 1


@given(st.integers(0, 10**7))
def test_pounds_are_right_to_a_hundredth(grams: int) -> None:
    assert abs(rules.pounds(grams) * rules.GRAMS_PER_POUND - grams) <= 0.0051 * rules.GRAMS_PER_POUND
