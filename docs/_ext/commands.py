"""The directive `commands`: a section for each command, made from the command line itself, so that it cannot drift."""

import re

import click
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gilscope.cli import COMMANDS, main


class Commands(SphinxDirective):
    """Every command: its usage, what it does, its arguments and options, its examples."""

    def run(self) -> list[nodes.Node]:
        return [self._section(module.command) for module in COMMANDS]

    def _section(self, command: click.Command) -> nodes.section:
        program = click.Context(main, info_name="gilscope", **main.context_settings)
        context = click.Context(command, info_name=command.name, parent=program)
        name = str(command.name)
        section = nodes.section(ids=[f"gilscope-{name}"], names=[f"gilscope {name}"])
        self.state.document.note_explicit_target(section)
        section += nodes.title("", f"gilscope {name}")
        usage = " ".join(context.get_usage().removeprefix("Usage: ").split())
        section += nodes.literal_block(usage, usage, language="text")
        for text in (command.help or "").split("\n\n"):
            section += self._parsed(re.sub(r"'(gilscope [^']+)'", r"`\1`", " ".join(text.split())))
        section += self._options(command, context)
        examples = getattr(command, "examples", ())
        if examples:
            text = "\n".join(f"# {meaning}\n{line}" for line, meaning in examples)
            section += nodes.rubric("", "Examples")
            section += nodes.literal_block(text, text, language="bash")
        return section

    def _parsed(self, text: str) -> nodes.paragraph:
        paragraph = nodes.paragraph()
        self.state.nested_parse(StringList([text], source="gilscope --help"), 0, paragraph)
        inner = paragraph.children[0] if paragraph.children else nodes.paragraph("", text)
        assert isinstance(inner, nodes.paragraph)
        return inner

    def _options(self, command: click.Command, context: click.Context) -> nodes.option_list:
        options = nodes.option_list()
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record is None or isinstance(parameter, click.Argument):  # the usage line has it
                continue
            group = nodes.option_group("", nodes.option("", nodes.option_string("", record[0])))
            options += nodes.option_list_item("", group, nodes.description("", nodes.paragraph("", record[1])))
        return options


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
