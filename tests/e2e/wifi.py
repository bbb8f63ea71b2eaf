"""Real Wi-Fi in place of a lab's veths: the radios of mac80211_hwsim, a hostapd per access point, and
wpa_supplicant in the mobile node, which roams as a stock device does."""
import os
import re

from godwit_lab import netns
from godwit_lab.builder import MN_IFACE
from godwit_lab.domain import wait_for

RADIOS = "/sys/class/ieee80211"
SSID, PASSPHRASE = "godwit", "as the godwit flies"
FREQUENCIES = {1: 2412, 6: 2437}


def radios():
    """The simulated radios that nobody has moved into a namespace."""
    names = os.listdir(RADIOS) if os.path.isdir(RADIOS) else []
    return sorted(n for n in names
                  if "hwsim" in os.path.realpath(f"{RADIOS}/{n}/device/subsystem") or
                  os.path.basename(os.path.realpath(f"{RADIOS}/{n}/device")).startswith("hwsim"))


def take(phy, namespace, name):
    """Puts a radio into a namespace, its interface under this name in place of the one there."""
    (iface,) = os.listdir(f"{RADIOS}/{phy}/device/net")
    netns.batch(namespace, [f"link del {name}"])
    netns.run(["iw", "phy", phy, "set", "netns", "name", namespace])
    netns.batch(namespace, [f"link set dev {iface} name {name}"])


class AccessPoint:
    """hostapd on a radio at the place of the lab's access point of that name."""

    def __init__(self, lab, maar, ap, phy, channel):
        self.lab, self.maar, self.ap = lab, maar, ap
        take(phy, lab.namespace(maar), ap)
        self.control = lab.state.path(f"hostapd-{ap}")
        self.conf = lab.state.path(f"hostapd-{ap}.conf")
        with open(self.conf, "w", encoding="ascii") as file:
            os.chmod(self.conf, 0o600)
            # Stations do not hear each other: the access link is point to point.
            file.write(f"interface={ap}\ndriver=nl80211\nssid={SSID}\nhw_mode=g\n"
                       f"channel={channel}\nbeacon_int=200\nap_isolate=1\nlogger_stdout=-1\n"
                       f"wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\n"
                       f"wpa_passphrase={PASSPHRASE}\nctrl_interface={self.control}\n")

    def attachment(self):
        """What the MAAR's configuration says of it."""
        return {"hostapd": [{"interface": self.ap, "socket": f"{self.control}/{self.ap}"}]}

    def bssid(self):
        text = self.lab.run(self.maar, ["iw", "dev", self.ap, "info"]).stdout
        return re.search(r"addr ([0-9a-f:]{17})", text)[1]

    def start(self):
        name = f"hostapd-{self.ap}"
        hostapd = self.lab.spawn(self.maar, name, ["hostapd", self.conf])
        wait_for(name, lambda: hostapd.poll() is not None or "AP-ENABLED" in self.lab.log(name), 10)
        assert hostapd.poll() is None, self.lab.log(name)


class Station:
    """wpa_supplicant in a mobile node."""

    def __init__(self, lab, mn, phy):
        self.lab, self.mn, self.name = lab, mn, f"supplicant-{mn}"
        take(phy, lab.namespace(mn), MN_IFACE)
        self.control = lab.state.path(f"{self.name}.ctrl")
        self.conf = lab.state.path(f"{self.name}.conf")
        channels = " ".join(map(str, FREQUENCIES.values()))
        with open(self.conf, "w", encoding="ascii") as file:
            os.chmod(self.conf, 0o600)
            file.write(f"ctrl_interface={self.control}\nnetwork={{\nssid=\"{SSID}\"\n"
                       f"scan_freq={channels}\nkey_mgmt=WPA-PSK\npsk=\"{PASSPHRASE}\"\n}}\n")

    def start(self):
        self.lab.spawn(self.mn, self.name, ["wpa_supplicant", "-D", "nl80211", "-i", MN_IFACE,
                                            "-c", self.conf])

    def command(self, *words):
        return self.lab.run(self.mn, ["wpa_cli", "-p", self.control, "-i", MN_IFACE, *words],
                            check=False).stdout

    def associated(self):
        """The access point it is connected and authorised at; None while there is none."""
        status = dict(line.split("=", 1) for line in self.command("status").splitlines()
                      if "=" in line)
        return status.get("bssid") if status.get("wpa_state") == "COMPLETED" else None

    def connected(self, bssid):
        wait_for(f"the station at {bssid}", lambda: self.associated() == bssid, 20, 0.1)

    def hears(self, bssid):
        """Scans until it knows the access point."""
        def known():
            if f"bssid={bssid}" in self.command("bss", bssid):
                return True
            self.command("scan")
            return False
        wait_for(f"a beacon of {bssid}", known, 20, 0.5)

    def roam(self, bssid):
        """One that timed out leaves the station where it was: it is told again."""
        self.hears(bssid)

        def there():
            at = self.associated()
            if at not in (None, bssid):
                assert self.command("roam", bssid).strip() == "OK"
            return at == bssid
        wait_for(f"the station at {bssid}", there, 20, 0.5)
