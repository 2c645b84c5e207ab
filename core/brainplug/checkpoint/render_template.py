"""A chat template rendered, as a program of its own that may not run long nor take much memory.

A template is a program from the hub. jinja2's sandbox keeps it from files and attributes, but not
from loops within loops. Run with `python -I`, it imports nothing but jinja2.
"""

from __future__ import annotations

import json
import sys
from typing import Any

SECONDS = 2
BYTES = 1 << 30


def limit() -> None:
    """Let the system end this process where it takes more than it may, if it has such limits."""
    try:
        import resource
    except ImportError:  # Windows; the parent waits no longer than it may, all the same
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def render(template: str, messages: list[dict[str, Any]], end: str) -> str:
    """Render a dialogue by a chat template.

    Args:
        template: in jinja2's language.
        messages: turns as templates take them.
        end: the marker of the end of a turn.

    Raises:
        jinja2.TemplateError: the template cannot be rendered; or any other exception of Python,
            for a template may do whatever its sandbox lets it do.
    """
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    # The options are those of transformers, since they decide on line breaks.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(template).render(
        messages=messages, add_generation_prompt=True, bos_token="", eos_token=end
    )


def main() -> None:
    """Render each dialogue that comes in; write a text or a fault for each."""
    asked = json.load(sys.stdin)
    limit()
    told = []
    for messages in asked["dialogues"]:
        try:
            told.append({"text": render(asked["template"], messages, asked["end"])})
        except Exception as error:  # noqa: BLE001 - a template can raise anything
            words = " ".join(str(error).split())
            told.append({"fault": f"{type(error).__name__}: {words}"[:500]})
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
