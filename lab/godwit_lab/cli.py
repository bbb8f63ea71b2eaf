"""The `lab` command."""

import argparse
import json
import os
import signal
import sys

from . import netns, topology
from .domain import Lab, default_bin
from .state import LabError


def _up(args):
    plan = topology.load(args.file, args.name, args.set or ())
    Lab(plan.name).up(plan, args.bin, daemons=not args.no_daemons)
    print(f"lab {plan.name} is up: {', '.join(plan.nodes)}; "
          f"{', '.join(f'{m.name} at {m.at}' for m in plan.mobile_nodes.values())}")


def _down(args):
    if not Lab(args.name or "gw").down():
        print(f"lab {args.name or 'gw'} is not up")


def _move(args):
    print(json.dumps(Lab(args.name or "gw").move(args.mobile_node, args.access_point,
                                                 args.carrier)))


def _exec(args):
    lab = Lab(args.name or "gw")
    argv = lab.enter(args.node, args.command)
    os.environ["GODWIT_SOCKET"] = lab.socket_file(args.node)
    os.execvp(argv[0], argv)


def _status(args):
    status = Lab(args.name or "gw").status()
    if args.json:
        print(json.dumps(status, indent=1))
        return
    print(f"lab {status['name']}, programs of {status['bin']}, {status['moves']} moves")
    for mn, ap in status["attached"].items():
        print(f"  {mn} at {ap}")
    for name, process in status["processes"].items():
        print(f"  {name}: pid {process['pid']} in {process['node']}"
              f"{'' if process['alive'] else ' (dead)'}")


def _kill(args):
    Lab(args.name or "gw").kill(args.node, signal.SIGKILL if args.hard else signal.SIGTERM)


def _start(args):
    Lab(args.name or "gw").start(args.node)


def _capture(args):
    lab = Lab(args.name or "gw")
    if args.stop:
        lab.stop(f"capture-{args.node}-{args.interface}", signal.SIGINT)
    elif not args.file:
        raise LabError("capture: which file to write?")
    else:
        lab.capture(args.node, args.interface, args.file, " ".join(args.expression))


def parser():
    top = argparse.ArgumentParser(prog="lab", description="Domains in network namespaces.")
    top.add_argument("-n", "--name", help="of the lab (default: the topology's, or gw)")
    sub = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name, handler, text):
        made = sub.add_parser(name, help=text, description=text)
        made.set_defaults(handler=handler)
        return made

    up = command("up", _up, "Build a topology and start its daemons.")
    up.add_argument("file")
    up.add_argument("--bin", default=default_bin(), help="where the programs are")
    up.add_argument("--set", action="append", metavar="PATH=VALUE",
                    help="change the topology: links.0.delay=10ms")
    up.add_argument("--no-daemons", action="store_true", help="links and routes only")
    command("down", _down, "Take the lab apart.")
    move = command("move", _move, "Take a mobile node to another access point.")
    move.add_argument("mobile_node")
    move.add_argument("access_point")
    move.add_argument("--carrier", choices=("keep", "flap"), default="keep")
    run = command("exec", _exec, "Run a command in a node.")
    run.add_argument("node")
    run.add_argument("command", nargs=argparse.REMAINDER)
    status = command("status", _status, "What runs, and who is where.")
    status.add_argument("--json", action="store_true")
    kill = command("kill", _kill, "Stop a node's daemon.")
    kill.add_argument("node")
    kill.add_argument("-9", dest="hard", action="store_true", help="without warning")
    command("start", _start, "Start a node's daemon again.").add_argument("node")
    capture = command("capture", _capture, "Capture an interface of a node with tcpdump.")
    capture.add_argument("--stop", action="store_true")
    capture.add_argument("node")
    capture.add_argument("interface")
    capture.add_argument("file", nargs="?")
    capture.add_argument("expression", nargs="*")
    return top


def main():
    args = parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that up cleans up after itself
    try:
        args.handler(args)
    except (LabError, topology.TopologyError, netns.NetError, OSError) as err:
        print(f"lab: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
