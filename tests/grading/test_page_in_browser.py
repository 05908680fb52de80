"""The page in a real browser: keys grade, the browser keeps the grades, the saved sheet is accepted."""

import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest
from grading.examples import FIRST

from pipeline.grading.batch import page
from pipeline.grading.pictures import Cutout
from pipeline.grading.sheets import read_sheet

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GRADING = """<script>
const log = [], press = key => document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
press("3");
log.push(byId("notice").textContent);
byId("grader").value = "xh"; byId("grader").dispatchEvent(new Event("input"));
for (const key of ["3", "4", "Backspace", "1", "2", "2", "1"]) press(key);
press("ArrowLeft"); press("ArrowLeft");
window.prompt = () => 'a "long", arc';
press("c"); press("s");
log.push(byId("progress").textContent);
log.push(getComputedStyle(document.querySelector(".stretch0")).display);
byId("stratum").value = "south"; byId("stratum").dispatchEvent(new Event("change"));
log.push(figures.filter(figure => figure.hidden).length);
log.push(Object.keys(localStorage).sort().join(" "));
URL.createObjectURL = blob => { blob.text().then(text => finish(text)); return "blob:"; };
HTMLAnchorElement.prototype.click = function () { log.push(this.download); };
press("w");
log.push(byId("notice").textContent);
function finish(text) {
  const pre = document.createElement("pre");
  pre.id = "result"; pre.textContent = log.join("\\n") + "\\n====\\n" + text;
  document.body.append(pre);
}
</script></body>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_grading_with_the_keyboard(batch, settings, tmp_path):
    generator = np.random.default_rng(1)
    cutouts = {FIRST + i: Cutout(generator.normal(0, 0.02, (3, 20, 20)), 0.262) for i in range(6)}
    path = tmp_path / "batch.html"
    path.write_text(page(batch, cutouts, settings).replace("</body>", GRADING), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="result">(.*)</pre>', done.stdout, re.DOTALL)
    log, sheet = unescape(found[1]).split("\n====\n")
    log = log.splitlines()
    assert log[:4] == ["Enter your name first.", "6 of 6 graded", "none", "2"]
    ids = [one["object_id"] for one in batch.objects]
    assert log[4].split() == sorted(f"skysieve/{batch.digest}/{part}" for part in ("grader", *(f"xh/{i}" for i in ids)))
    assert log[5:] == ["xh.csv", "Saved, complete."]
    rows, faults = read_sheet(sheet, settings.grader("xh"), batch, set())
    assert faults == [] and rows["object_id"].tolist() == ids
    assert rows["score"].tolist() == ["3", "4", "1", "2", "2", "1"]
    assert rows["comment"].tolist() == ["", "", "", 'a "long", arc', "", ""]
