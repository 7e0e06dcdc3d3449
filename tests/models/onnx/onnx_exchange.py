"""ONNX's and ONNX Runtime's part in export_test.cpp.

check FOLDER   checks every .onnx file in it
run FOLDER     finds the logits that keel left there: by ONNX Runtime, or ONNX's own evaluator, where either is here

Two tasks, since Debian's ONNX and ONNX Runtime do not get along in one process.
"""

import pathlib
import sys

import numpy


def check(path):
    import onnx

    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8 and model.opset_import[0].version == 17, path
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N", path
    for node in model.graph.node:
        if node.op_type == "BatchNormalization" and "normalized" in path.name:
            momentum = {a.name: a.f for a in node.attribute}["momentum"]
            assert abs(momentum - 0.8) < 1e-6, momentum
        assert node.op_type != "BatchNormalization" or "folded" not in path.name, path


def evaluator():
    """A function from a file to a function from a batch to its logits, and what it is; none where there is none."""
    try:
        import onnxruntime

        def open_file(path):
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            name = session.get_inputs()[0].name
            return lambda batch: session.run(None, {name: batch})[0]

        return open_file, "ONNX Runtime"
    except ImportError:
        pass
    try:
        from onnx.reference import ReferenceEvaluator

        def open_reference(path):
            reader = ReferenceEvaluator(str(path))
            return lambda batch: reader.run(None, {reader.input_names[0]: batch})[0]

        return open_reference, "onnx.reference"
    except ImportError:
        return None, ""


task, folder = sys.argv[1], pathlib.Path(sys.argv[2])
paths = sorted(folder.glob("*.onnx"))
assert paths
if task == "check":
    for path in paths:
        check(path)
    print(f"onnx.checker takes {len(paths)} files")
    sys.exit()

open_file, reader = evaluator()
if not open_file:
    print("python3 has neither onnxruntime nor onnx.reference here: logits not tried with them")
    sys.exit()
worst = 0.0
for path in paths:
    run = open_file(path)
    for samples in 1, 7, 64:
        base = path.with_name(f"{path.stem}-{samples}")
        shape = [samples] + [int(extent) for extent in path.with_suffix(".sample").read_text().split()]
        batch = numpy.fromfile(f"{base}.input", dtype=numpy.float32).reshape(shape)
        logits = numpy.fromfile(f"{base}.output", dtype=numpy.float32)
        found = run(batch)
        assert found.shape[0] == samples, path
        difference = float(abs(found.ravel() - logits).max())
        assert difference <= 1e-5, (path.name, samples, difference)
        worst = max(worst, difference)
print(f"{reader} finds the logits of {len(paths)} files, off by {worst:.1e} at the most")
