"""`tagllm doctor`."""

import json
import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
def doctor(as_json: bool) -> None:
    """Look at this machine: Python, torch, CPU and GPU, vLLM and why not, torchvision, disk, cache.

    Exit status: 0 all the embedded teacher needs is there, 1 something must be mended.
    """
    from tagllm.checkup import checkup

    findings = checkup()
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], ensure_ascii=False))
    else:
        from rich.table import Table
        from rich.text import Text

        from tagllm.showing import console

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        colours = {"ok": "green", "note": "yellow", "error": "red"}
        for finding in findings:
            said = f"{finding.found}\n{finding.way_out}" if finding.way_out else finding.found
            table.add_row(Text(finding.status, style=colours[finding.status]), Text(finding.name), Text(said))
        console().print(table)
    sys.exit(1 if any(finding.status == "error" for finding in findings) else 0)
