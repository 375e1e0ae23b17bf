"""The program `tastemap`: its verbs, its exit codes, its errors."""

from __future__ import annotations

import logging
import shlex
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import tastemap
from tastemap.cli import ask, data, demo, feedback, fit, keys, measure, serve, share, tune
from tastemap.cli.output import COMMAND, fail, say, visible
from tastemap.errors import TastemapError

MISTAKE, INTERRUPTED = 1, 130


class _Verbs(TyperGroup):
    """Turns what a user can put right into one line and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[COMMAND] = shlex.join(["tastemap", *args])  # for reports
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            # Typer checks values by pydantic, whose messages begin so.
            error.message = error.message.removeprefix("Value error, ")
            raise
        except TastemapError as error:
            fail(str(error))
        except OSError as error:
            if error.filename is None:
                raise  # a broken pipe, or a bug
            fail(f"{error.filename}: {error.strerror}")
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        raise typer.Exit(MISTAKE)


app = typer.Typer(
    cls=_Verbs,
    help="From a table of ratings to a model you can trust, read and serve.",
    epilog="Begin with: tastemap demo",
    no_args_is_help=True,
    # Help as plain text: calmer than boxes in boxes, and rich would double its time.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tastemap {tastemap.__version__}")
        raise typer.Exit


@app.callback()
def _tastemap(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


for _verb in (
    demo.demo,
    fit.fit,
    fit.update,
    ask.predict,
    ask.recommend,
    ask.similar,
    ask.explain,
    ask.biases,
    ask.components,
    share.crosstab,
    share.report,
    serve.serve,
    serve.up,
    measure.evaluate,
    measure.compare,
    tune.tune,
    measure.audit,
    data.data,
):
    app.command()(_verb)
app.add_typer(keys.keys, name="keys")
app.add_typer(feedback.feedback, name="feedback")


class _Remarks(logging.Handler):
    """Shows what the library logs; by way of `sys.stderr`, so that it goes above a moving bar."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(visible(record.getMessage()) + "\n")


_REMARKS = _Remarks()


def main() -> None:
    """Run the program; a mistake of the user ends it with one line, a bug with a traceback."""
    logging.getLogger("tastemap").addHandler(_REMARKS)  # gets warnings, and of the next all
    for name in ("compiled", "bayesian"):  # what else takes long
        logging.getLogger(f"tastemap.training.{name}").setLevel(logging.INFO)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets its number, not an exception.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        error.add_note(
            f"This is a bug of tastemap: please report it, with all of the above, {_where()}"
        )
        raise


def _where() -> str:
    """Where bugs are reported, as the installed package says."""
    from importlib.metadata import metadata

    urls = metadata("tastemap").get_all("Project-URL") or []
    pages = dict(url.split(", ", 1) for url in urls)
    return "at " + pages["Issues"] if "Issues" in pages else "where you found tastemap."
