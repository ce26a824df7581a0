"""Reads an event file as TensorBoard does and prints what it found as one JSON document."""
import json
import math
import sys

from tensorboard import data_compat
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tensor_util

found = {"scalars": {}, "nonFinite": {}, "images": 0, "hparams": {}, "status": None}
for event in event_file_loader.LegacyEventFileLoader(sys.argv[1]).Load():
    event = data_compat.migrate_event(event)
    for value in event.summary.value:
        plugin = value.metadata.plugin_data
        if plugin.plugin_name == "scalars":
            number = tensor_util.make_ndarray(value.tensor).item()
            found["scalars"][value.tag] = found["scalars"].get(value.tag, 0) + 1
            found["nonFinite"][value.tag] = found["nonFinite"].get(value.tag, 0) + (not math.isfinite(number))
        elif plugin.plugin_name == "images":
            found["images"] += 1
        elif value.tag == hparams.SESSION_START_INFO_TAG:
            info = hparams.parse_session_start_info_plugin_data(plugin.content)
            found["hparams"] = {name: getattr(leaf, leaf.WhichOneof("kind")) for name, leaf in info.hparams.items()}
        elif value.tag == hparams.SESSION_END_INFO_TAG:
            found["status"] = hparams.parse_session_end_info_plugin_data(plugin.content).status
print(json.dumps(found))
