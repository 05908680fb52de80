"""How fast are the estimators of redshifts beside the least that they could cost?

    python benchmarks/redshift.py [--json FILE] [--only NAME ...] [--device cpu|cuda]

Rows: `fnet_inference` and `fnet_training_step` (spectra/s with convolutions through FFTs beside torch's direct ones,
the network of the paper at batch 16), `quasarnet` (spectra/s from shard to shard beside its bare forward pass), `pca`
(ms a spectrum on one core, all redshifts from 0 to 5 in steps of 5e-4 dex, beside the bare transforms and products),
`ingest_spectra` (spectra/s beside astropy's reading of the same files and writing of as many bytes). On a
GPU the limit of the first two is what the paper's V100 took.
"""

import argparse
import importlib
import json
import os
import platform
from pathlib import Path

import torch

# name -> (module beside this one, function); a function takes the device and returns the row
ROWS = {
    "fnet_inference": ("redshift_networks", "fnet_inference_row"),
    "fnet_training_step": ("redshift_networks", "fnet_training_row"),
    "quasarnet": ("redshift_networks", "quasarnet_row"),
    "pca": ("redshift_pca", "pca_row"),
    "ingest_spectra": ("redshift_ingest", "ingest_row"),
}


def rows(wanted: list[str], device: torch.device):
    """Yield the rows one by one."""
    for name in wanted:
        module, function = ROWS[name]
        yield getattr(importlib.import_module(module), function)(device)


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    gpu = f", {torch.cuda.get_device_name()}" if device.type == "cuda" else ""
    machine = f"{platform.machine()}, {os.cpu_count()} cores{gpu}"
    found = []
    print(f"{'name':<20}{'ours':>12}{'peer':>12}{'limit':>12}  {'unit':<24}{'ratio':>8}  goal")
    for row in rows(arguments.only, device):
        found.append({**row, "machine": machine})
        numbers = [f"{row[key]:12.4g}" if row[key] is not None else f"{'-':>12}" for key in ("ours", "peer", "limit")]
        print(f"{row['name']:<20}{''.join(numbers)}  {row['unit']:<24}{row['ratio']:8.3f}  {row['goal']}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
