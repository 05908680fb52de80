"""The base of all typed settings: strict, closed, frozen, without scientific defaults."""

import difflib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import PipelineError


class Section(BaseModel):
    """A section of the settings. Unknown keys, missing keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def parse(cls, value: Any, *, where: str = "settings") -> Self:
        """Validate a plain value (as read from YAML or JSON).

        Raises
        ------
        PipelineError
            One line a fault: the dotted key, the value, what is allowed, the nearest valid key.
        """
        try:
            return cls.model_validate_json(json.dumps(value))
        except ValidationError as error:
            faults = [_describe(cls, fault, value) for fault in error.errors()]
            raise PipelineError(
                f"{len(faults)} fault(s) in the settings:\n" + "\n".join(f"  - {fault}" for fault in faults),
                where=where,
                next="mend the file and run `snakemake -n`; config/schema.json lists every key",
            ) from None

    def plain(self) -> dict:
        """Return the section as JSON-ready values."""
        return self.model_dump(mode="json")


def _keys_at(model: type[BaseModel], value: Any, path: tuple) -> list[str]:
    """Field names that are valid at a path below a model, as far as the schema tells."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    nodes = [schema]

    def expand(node):
        if "$ref" in node:
            return expand(definitions[node["$ref"].rsplit("/", 1)[-1]])
        if "anyOf" in node or "oneOf" in node:
            return [leaf for option in node.get("anyOf", node.get("oneOf")) for leaf in expand(option)]
        return [node]

    for part in path:
        deeper = []
        for node in (leaf for outer in nodes for leaf in expand(outer)):
            if part in node.get("properties", {}):
                deeper.append(node["properties"][part])
            elif isinstance(part, int) and "items" in node:
                deeper.append(node["items"])
            elif isinstance(node.get("additionalProperties"), dict):
                deeper.append(node["additionalProperties"])
        nodes = deeper or nodes  # pydantic puts the tag of a union into the path; the schema has no such step
    names = {name for outer in nodes for leaf in expand(outer) for name in leaf.get("properties", {})}
    return sorted(names)


def _describe(model: type[BaseModel], fault: dict, value: Any) -> str:
    path = tuple(fault["loc"])
    dotted = ".".join(str(part) for part in path)
    if fault["type"] == "extra_forbidden":
        keys = _keys_at(model, value, path[:-1])
        near = difflib.get_close_matches(str(path[-1]), keys, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"allowed here: {', '.join(keys)}"
        return f"{dotted}: unknown key; {hint}"
    if fault["type"] == "missing":
        return f"{dotted}: this key is missing"
    found = fault.get("input")
    value = "" if isinstance(found, dict) else f" (value: {found!r})"
    return f"{dotted or 'settings'}: {fault['msg'].removeprefix('Value error, ')}{value}"
