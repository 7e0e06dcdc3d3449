"""PyTorch's part in pytorch_exchange_test.cpp.

write FOLDER   makes and trains its models, and leaves there their weights, images and logits
check FOLDER   takes the weights that keel has left there, and finds keel's logits, and keel's next step
fixture FILE   writes the file that the test reads where there is no PyTorch
"""

import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn, optim


class SimpleNN(nn.Module):
    def __init__(self):
        super(SimpleNN, self).__init__()
        self.fc1 = nn.Linear(28 * 28, 128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = self.fc1(x)
        x = self.relu(x)
        x = self.fc2(x)
        return x


class SimpleNNWithBN(nn.Module):
    def __init__(self):
        super(SimpleNNWithBN, self).__init__()
        self.fc1 = nn.Linear(28 * 28, 128)
        self.bn1 = nn.BatchNorm1d(128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = self.fc1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.fc2(x)
        return x


MODELS = {"plain": SimpleNN, "bn": SimpleNNWithBN}


def train(model, images, labels, steps):
    model.train()
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(images), labels.long()).backward()
        optimizer.step()


def logits(model, images):
    model.eval()
    with torch.no_grad():
        return model(images)


def write(folder):
    for name, make in MODELS.items():
        model = make()
        images, labels = torch.rand(64, 784) * 2 - 1, torch.randint(0, 10, (64,))
        train(model, images, labels, 20)
        save_file(model.state_dict(), f"{folder}/{name}.safetensors")
        data = {"images": images, "labels": labels, "logits": logits(model, images)}
        save_file(data, f"{folder}/{name}-data.safetensors")


def require_near(name, a, b, tolerance):
    difference = (a.double() - b.double()).abs().max().item()
    print(f"{name}: largest difference {difference:.2g}")
    assert difference <= tolerance, name


def check(folder):
    for name, make in MODELS.items():
        data = load_file(f"{folder}/{name}-data.safetensors")
        before, after = f"{folder}/keel-{name}.safetensors", f"{folder}/keel-{name}-step.safetensors"
        model = make()
        model.load_state_dict(load_file(before))
        require_near(f"{name} logits", logits(model, data["images"]), data["logits"], 1e-5)
        train(model, data["images"], data["labels"], 1)
        ours, theirs = model.state_dict(), load_file(after)
        assert ours.keys() == theirs.keys(), theirs.keys()
        for key, value in ours.items():
            assert value.dtype == theirs[key].dtype, key
            require_near(f"{name} {key} after a step", value, theirs[key], 1e-6)
        with safe_open(after, "pt") as file:
            assert file.metadata()["format"] == "pt"


def fixture(path):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(),
                          nn.Linear(8, 4), nn.LayerNorm(4))
    images, labels = torch.randn(5, 1, 4, 4), torch.randint(0, 4, (5,))
    train(model, images, labels, 10)
    arrays = {f"net.{name}": value for name, value in model.state_dict().items()}
    odd = [0.0, -1.5, 65504.0, 2.0**-24, float("inf"), 1 / 3]
    arrays |= {"images": images, "logits": logits(model, images), "half": torch.tensor(odd).half(),
               "brain": torch.tensor(odd).bfloat16(), "long": torch.tensor([3, -(2**31)])}
    save_file(arrays, path)


torch.manual_seed(7)
if __name__ == "__main__":
    {"write": write, "check": check, "fixture": fixture}[sys.argv[1]](sys.argv[2])
