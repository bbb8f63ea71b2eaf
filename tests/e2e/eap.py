"""Real EAP on the lab's access links: hostapd (wired driver, its own EAP server) at the access
points, wpa_supplicant in the mobile node."""
import os
import signal
import socket

from conftest import BIN
from domain import MN, configure, plan
from godwit_lab.builder import MN_IFACE
from godwit_lab.domain import Lab, wait_for

ALICE, MALLORY = "alice@example.org", "mallory@example.org"
USERS = {ALICE: "correct horse", MALLORY: "battery staple"}
POLICY = [{"mn-id": "mallory@*", "action": "deny"}, {"mn-id": "*@example.org", "action": "allow"}]
GUARD_S = 8  # a new authentication after a restart of hostapd takes 2 to 3 s


class Network:
    """A hostapd per access point of a lab whose daemons do not run yet."""

    def __init__(self, lab, plan):
        self.lab, self.plan = lab, plan
        self.users = lab.state.path("eap-users")
        with open(self.users, "w", encoding="ascii") as file:
            os.chmod(self.users, 0o600)
            for name, password in USERS.items():
                file.write(f'"{name}" MD5 "{password}"\n')

    def control_dir(self, ap):
        return self.lab.state.path(f"hostapd-{ap}")

    def attachment(self, ap):
        """What the MAAR's configuration says of it."""
        return {"hostapd": [{"interface": ap, "socket": f"{self.control_dir(ap)}/{ap}"}]}

    def start(self, ap, extra=""):
        conf = self.lab.state.path(f"hostapd-{ap}.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"interface={ap}\ndriver=wired\nieee8021x=1\neap_server=1\n"
                       f"eap_user_file={self.users}\nuse_pae_group_addr=0\nlogger_stdout=-1\n"
                       f"ctrl_interface={self.control_dir(ap)}\n{extra}")
        name = f"hostapd-{ap}"
        enabled = self.lab.log(name).count("AP-ENABLED")
        self.lab.spawn(self.plan.maar_of(ap), name, ["hostapd", conf])
        wait_for(name, lambda: self.lab.log(name).count("AP-ENABLED") > enabled, 5)

    def stop(self, ap, sig=signal.SIGTERM):
        self.lab.stop(f"hostapd-{ap}", sig)

    def ask(self, ap, text):
        """One request of our own to hostapd."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            path = self.lab.state.path("asker")
            sock.bind(path)
            try:
                sock.settimeout(5)
                sock.connect(f"{self.control_dir(ap)}/{ap}")
                sock.send(text.encode())
                return sock.recv(4096).decode()
            finally:
                os.unlink(path)


class Supplicant:
    def __init__(self, lab, mn, identity):
        self.lab, self.mn, self.name = lab, mn, f"supplicant-{mn}"
        self.directory = lab.state.path(f"{self.name}.ctrl")
        conf = lab.state.path(f"{self.name}.conf")
        with open(conf, "w", encoding="ascii") as file:
            os.chmod(conf, 0o600)
            file.write(f"ctrl_interface={self.directory}\nap_scan=0\nnetwork={{\n"
                       f"key_mgmt=IEEE8021X\neap=MD5\neapol_flags=0\nidentity=\"{identity}\"\n"
                       f"password=\"{USERS[identity]}\"\n}}\n")
        lab.spawn(mn, self.name, ["wpa_supplicant", "-D", "wired", "-i", MN_IFACE, "-c", conf])

    def successes(self):
        return self.lab.log(self.name).count("CTRL-EVENT-EAP-SUCCESS")

    def authenticated(self, times=1):
        wait_for("EAP success", lambda: self.successes() >= times, 10)

    def command(self, *words):
        done = self.lab.run(self.mn, ["wpa_cli", "-p", self.directory, "-i", MN_IFACE, *words])
        assert done.stdout.strip() == "OK", done.stdout

    def again(self):
        """Authenticates at the access point it is at now, as after a move."""
        before = self.successes()
        self.command("reassociate")
        self.authenticated(before + 1)


class EapDomain:
    """Two MAARs with a hostapd each; nobody gets in without it. A subclass may have them learn of
    it in another way."""

    def __init__(self, name, guard=GUARD_S):
        self.plan = plan(name, maars=2, godwit={"timers": {"detach-guard": guard}})
        self.plan.policy = POLICY
        self.lab = Lab(name)
        self.lab.up(self.plan, BIN, daemons=False)
        self.net = Network(self.lab, self.plan)
        for ap in self.plan.access_points:
            configure(self.lab, self.plan.maar_of(ap), attachment=self.attachment(ap))
        self.start()

    def attachment(self, ap):
        return self.net.attachment(ap)

    def start(self):
        for ap in self.plan.access_points:
            self.net.start(ap)
        self.lab.start_daemons(self.plan)

    def counter(self, node, part, name):
        return self.lab.show(node, "counters")[part][name]

    def served(self, maar, identity):
        return any(b["mn"] == identity and b["state"] == "serving"
                   for b in self.lab.show(maar, "bindings"))

    def address(self):
        return wait_for("an address", lambda: next(
            (a["address"] for a in self.lab.addresses(MN)
             if not a["tentative"] and not a["deprecated"]), None), 10, 0.05)

    def hostapd(self, maar, ap, state):
        wait_for(f"hostapd {state}",
                 lambda: self.lab.ask(maar, {"cmd": "status"})["hostapd"] == {ap: state}, 10)
