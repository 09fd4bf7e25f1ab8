"""The judges of the template: they find what is wrong, count what is suppressed, and do not pass what they cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.package import PackageError, checks

KEY = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}}}


def template(folder: Path, **resources: Any) -> Path:
    file = folder / "sam.json"
    file.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    return file


def test_cfn_lint_finds_what_is_not_cloudformation(tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"Nonsense": True}}
    verdict = checks.cfn_lint(template(tmp_path, Objects=bucket))
    assert [finding.split(":")[0] for finding in verdict.findings] == ["E3002 Resources/Objects/Properties/Nonsense"]
    assert str(verdict) == "cfn-lint: 1 findings"


def test_cfn_lint_passes_what_is(tmp_path: Path) -> None:
    assert checks.cfn_lint(template(tmp_path, Topic={"Type": "AWS::SNS::Topic"})).findings == ()


def test_cfn_lint_finds_what_is_no_json(tmp_path: Path) -> None:
    file = tmp_path / "sam.json"
    file.write_text("{", encoding="utf-8")
    assert len(checks.cfn_lint(file).findings) == 1


def test_checkov_finds_what_is_not_safe_and_counts_what_is_explained(tmp_path: Path) -> None:
    verdict = checks.checkov(template(tmp_path, Key=KEY))
    assert [finding.split(":")[0] for finding in verdict.findings] == ["CKV_AWS_7 AWS"]
    reason = {"checkov": {"skip": [{"id": "CKV_AWS_7", "comment": "a test"}]}}
    explained = checks.checkov(template(tmp_path, Key={**KEY, "Metadata": reason}))
    assert (explained.findings, explained.suppressed) == ((), verdict.suppressed + 1)


def test_checkov_does_not_pass_what_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "sam.json"
    file.write_text('{"Resources": {', encoding="utf-8")
    with pytest.raises(PackageError, match=r"^checkov (read no resource in|cannot read) .*sam\.json\.$"):
        checks.checkov(file)
