"""`space ...`: what a Space on Hugging Face consists of, and publishing it."""

import argparse
from typing import Any

from nl2sql_arena.terminal import add, log, show, whole_number


def commands(commands: Any) -> None:
    space = commands.add_parser("space", help="publish the arena on Hugging Face").add_subparsers(required=True, metavar="COMMAND")
    published = add(space, "publish", _publish, "make a Space of this folder, or renew it")
    published.add_argument("repo", metavar="USER/NAME", help="the Space")
    published.add_argument("--hardware", default="", help="ask for this hardware, which may cost money (default: leave it as it is)")
    published.add_argument("--sleep", type=whole_number, default=0, metavar="SECONDS", help="let paid hardware sleep after that long")
    published.add_argument("--bucket", default="", metavar="USER/NAME", help="mount this storage bucket at /data")
    published.add_argument("--votes", default="", metavar="USER/NAME", help="keep votes in this private dataset")
    published.add_argument("--private", action="store_true", help="a new Space is seen by you alone")
    add(space, "files", _files, "list what a Space consists of, and send nothing")


def _publish(options: argparse.Namespace) -> None:
    from nl2sql_arena import publishing

    wishes = publishing.Wishes(options.repo, options.hardware, options.sleep, options.bucket, options.votes, options.private)
    done = publishing.publish(wishes, announce=log)
    show(done.url)
    if options.votes:
        log(f"Set the secret HF_TOKEN of the Space, on its settings page, to a token that may write to {options.votes} alone.")


def _files(_options: argparse.Namespace) -> None:
    from nl2sql_arena import publishing

    show("\n".join(path.as_posix() for path in publishing.needed()))
