"""A short storm (lab/storm, which `make storm` runs for longer): real daemons are killed with SIGKILL at
random moments of attachments, handovers and detaches. GODWIT_SEED repeats a schedule."""
import os
import shutil

import pytest
from conftest import BIN
from godwit_lab.storm import CMD, Storm

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

KILLS = 5
SEED = int(os.environ.get("GODWIT_SEED", "8885"))


@pytest.mark.sanitized
def test_whole_after_every_kill(lab_name, clean):
    storm = Storm(lab_name, BIN, SEED, stations=8)
    assert storm.settle() == [], "before the first kill"
    for number in range(KILLS):
        done = storm.round()
        assert done["problems"] == [], f"seed {SEED}, round {number}: {done}"
        assert storm.lab.ask(done["victim"], {"cmd": "status"})["pins"] == "adopted"
    assert storm.acks.count > KILLS and sum(storm.operations.values()) > 10 * KILLS
    assert len(lost_on_purpose(storm)) >= 4, "the check sees no loss"
    storm.release()


def lost_on_purpose(storm):
    """What the check says of a database whose records are gone."""
    storm.kill(CMD)
    with storm.standing_still():
        shutil.rmtree(storm.lab.state.path(f"{CMD}.state"))
        storm.lab.start(CMD)
        return storm.lost()
