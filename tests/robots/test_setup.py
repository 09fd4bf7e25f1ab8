"""Carriers, boxes and robots: what may stand where."""

import pytest

from chalicelib import robots
from chalicelib.robots import sections
from chalicelib.robots.errors import SectionTaken
from tests.factories.robots import make_storage
from tests.tenant import Tenant


def test_boxes_do_not_overlap_and_leave_the_rest_free(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=0)
    carrier_id, _, _ = storage.carrier(boxes=0)
    new = [robots.NewBox(carrier_id=carrier_id, code=f"X{n}", section_code=c) for n, c in enumerate(("11", "1100"))]
    with tenant.uow() as uow:
        boxes = robots.create_boxes(uow, new)
    assert [box.code for box in boxes] == ["X0", "X1"]
    sql = """
        SELECT section_code::text AS code, section_code_8, size
          FROM carrier_space WHERE carrier_id = %(c)s AND bin_id IS NULL
    """
    assert tenant.rows(sql, c=carrier_id) == [{"code": "1" * 16 + "0" * 16, "section_code_8": "11110000", "size": 16}]
    assert sections.legacy("1" * 16 + "0" * 16) == "11110000"
    with pytest.raises(SectionTaken), tenant.uow() as uow:
        robots.create_boxes(uow, [robots.NewBox(carrier_id=carrier_id, code="X2", section_code="1000")])
    assert tenant.value("SELECT count(*) FROM bin WHERE code = 'X2'") == 0


def test_two_boxes_of_one_call_cannot_overlap_either(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=0)
    carrier_id, _, _ = storage.carrier(boxes=0)
    new = [robots.NewBox(carrier_id=carrier_id, code=f"X{n}", section_code="1") for n in range(2)]
    with pytest.raises(SectionTaken), tenant.uow() as uow:
        robots.create_boxes(uow, new)


def test_a_storage_is_made_in_a_fixed_number_of_statements(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=0)
    carriers = [
        robots.NewCarrier(code=f"K{n}", level_id=storage.level_id, position_x=n, position_y=9) for n in range(50)
    ]
    with tenant.uow() as uow:
        ids = robots.create_carriers(uow, carriers, warehouse_id=tenant.warehouse_id)
        boxes = [
            robots.NewBox(carrier_id=id, code=f"K{id}-{n}", section_code=str(10**n)) for id in ids for n in range(4)
        ]
        before = uow.statements
        made = robots.create_boxes(uow, boxes)
        assert uow.statements - before == 3
    assert [box.carrier_id for box in made] == [box.carrier_id for box in boxes]
    assert tenant.value("SELECT count(*) FROM carrier_space WHERE bin_id IS NOT NULL") == 200
