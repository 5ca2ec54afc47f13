"""Writes the bill of materials of a wheel: CycloneDX 1.6, as JSON."""

import json
from typing import Any


def bill_of_materials(libraries: dict[str, dict[str, Any]]) -> str:
    """Return the text of a bill, in which `@SKBUILD_PROJECT_VERSION@` stands for the version.

    It has no date and no serial number, so that the same sources give the same bill.

    Args:
        libraries: as in packaging/libraries.toml; one with `package` is Debian's own.
    """
    root = "incm-webhook"
    components = [
        component(name, part)
        for name, library in libraries.items()
        for part in (library, *library.get("contains", ()))
    ]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": root,
                "version": "@SKBUILD_PROJECT_VERSION@",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": "pkg:pypi/incm-webhook@@SKBUILD_PROJECT_VERSION@",
            }
        },
        "components": components,
        "dependencies": [
            {"ref": root, "dependsOn": list(libraries)},
            *(
                {
                    "ref": name,
                    "dependsOn": [reference(name, one) for one in library.get("contains", ())],
                }
                for name, library in libraries.items()
            ),
        ],
    }
    return json.dumps(bill, indent=2) + "\n"


def reference(name: str, part: dict[str, Any]) -> str:
    """Return the name of something inside a library, in the bill."""
    return f"{name}/{part['title'].lower()}"


def component(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """Return one entry: a library, or what is inside one."""
    inside = "licence_comment" in part
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference(name, part) if inside else name,
        "name": part["title"],
        "licenses": [{"license": {"id": part["licence"]}}],
    }
    if "version" in part:
        entry["version"] = part["version"]
    if "cpe" in part:
        entry["cpe"] = part["cpe"]
    if "package" in part:
        entry["purl"] = f"pkg:deb/debian/openssl@{part['package']}"
    elif "pool" in part:
        package = part["pool"].split("/")[3]
        entry["purl"] = f"pkg:deb/debian/{package}@{part['version']}?arch=source"
    elif not inside:
        entry["purl"] = f"pkg:generic/{name}@{part['version']}?download_url={part['url']}"
    if "sha256" in part:
        entry["hashes"] = [{"alg": "SHA-256", "content": part["sha256"]}]
    return entry
