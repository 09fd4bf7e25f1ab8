"""The deployment package: `build(stage)` makes it, `make package` checks and boots it too."""

from infra.package.build import Built, Package, build, pack
from infra.package.errors import PackageError

__all__ = ["Built", "Package", "PackageError", "build", "pack"]
