"""PyTorch's part in network_commands_test.cpp.

MODEL FILE FOLDER PREDICTIONS   loads a file of `keel export --names torch` into the network of that name, applies it to
the test images of an IDX folder, and finds the probabilities that `keel predict --json` gave
"""

import gzip
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models"))
from pytorch_exchange import MODELS  # noqa: E402

name, weights, folder, predictions = sys.argv[1:]
model = MODELS[name]()
model.load_state_dict(load_file(weights))
model.eval()
with gzip.open(pathlib.Path(folder) / "t10k-images-idx3-ubyte.gz") as file:
    pixels = torch.frombuffer(bytearray(file.read()[16:]), dtype=torch.uint8)
images = (pixels.reshape(-1, 1, 28, 28) / 255.0 - 0.5) / 0.5
with torch.no_grad():
    expected = torch.softmax(model(images).double(), 1)
actual = torch.zeros_like(expected)
with open(predictions) as file:
    for image in json.load(file):
        for prediction in image["predictions"]:
            actual[image["index"], int(prediction["class"])] = prediction["probability"]
worst = (actual - expected).abs().max().item()
print(f"{name}: {len(images)} images, probabilities differ by {worst:.2g} at most")
sys.exit(0 if worst < 1e-5 else 1)
