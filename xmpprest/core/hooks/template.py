"""Templates of messages, with Jinja2 from the extra C{hooks}."""

from __future__ import annotations

from typing import Any

from .limits import MAX_SOURCE, TemplateError
from .notice import MAX_MESSAGE, finish

try:
    from .sandbox import ENVIRONMENT, TemplateSyntaxError, compileTemplate
except ImportError:
    hasTemplates = False
else:
    #: Whether the extra C{hooks} is installed; without it there are no templates.
    hasTemplates = True

#: The advice without the extra.
NO_TEMPLATES = (
    "Jinja2 is not installed, so only the shapes text and json work: install the extra"
    " hooks, with pip install 'xmpprest[hooks]' or, in a checkout, '.[hooks]'"
)


class Template:
    """
    A template of a message.

    @ivar name: The file, for messages.
    """

    def __init__(self, source: str, name: str) -> None:
        """
        @raise ValueError: The template is malformed, or uses what templates of messages
            may not use; the text says where.
        """
        if not hasTemplates:
            raise ValueError(NO_TEMPLATES)
        if len(source) > MAX_SOURCE:
            raise ValueError(f"{name} is longer than {MAX_SOURCE} characters.")
        self.name = name
        try:
            self._template = compileTemplate(source)
        except TemplateSyntaxError as error:
            raise ValueError(f"{name}, line {error.lineno}: {error.message}") from None
        except (RecursionError, SyntaxError, MemoryError):
            raise ValueError(f"{name} nests too deep.") from None

    def render(self, variables: dict[str, Any]) -> str:
        """
        Make a message, of at most L{MAX_MESSAGE} characters.

        @param variables: The facts and the payload, of JSON values.
        @raise TemplateError: The template failed, or took too many steps.
        """
        # A message is rendered in one go, so one counter serves all templates.
        ENVIRONMENT.steps = 0
        pieces: list[str] = []
        size = 0
        # Nothing writes into variables that are shared.
        context = self._template.new_context(variables, shared=True)
        try:
            for piece in self._template.root_render_func(context):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_MESSAGE:
                    break
        except Exception as error:
            # A template may raise anything, as any program may.
            reason = str(error)[:200] or type(error).__name__
            raise TemplateError(f"{self.name} failed: {reason}") from None
        return finish("".join(pieces))
