"""ONNX's and ONNX Runtime's part in export_test.cpp.

onnx_exchange.py FOLDER   checks every .onnx file in it and, where there is something to run them, finds the logits
"""

import pathlib
import sys

import numpy
import onnx


def runner_of(path):
    """A function from a batch to logits, and what it is; none where nothing runs networks here."""
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda batch: session.run(None, {name: batch})[0], "ONNX Runtime"
    except ImportError:
        pass
    try:
        from onnx.reference import ReferenceEvaluator
    except ImportError:
        return None, "nothing"
    evaluator = ReferenceEvaluator(str(path))
    return lambda batch: evaluator.run(None, {evaluator.input_names[0]: batch})[0], "onnx.reference"


worst = 0.0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8 and model.opset_import[0].version == 17, path
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert dims[0].dim_param == "N", path
    for node in model.graph.node:
        if node.op_type == "BatchNormalization" and "normalized" in path.name:
            momentum = {a.name: a.f for a in node.attribute}["momentum"]
            assert abs(momentum - 0.8) < 1e-6, momentum
    if "folded" in path.name:
        assert all(node.op_type != "BatchNormalization" for node in model.graph.node), path
    run, reader = runner_of(path)
    for samples in (1, 7, 64) if run else ():
        base = path.with_name(f"{path.stem}-{samples}")
        shape = [samples] + [dim.dim_value for dim in dims[1:]]
        batch = numpy.fromfile(f"{base}.input", dtype=numpy.float32).reshape(shape)
        logits = numpy.fromfile(f"{base}.output", dtype=numpy.float32)
        found = run(batch)
        assert found.shape[0] == samples, path
        difference = float(abs(found.ravel() - logits).max())
        assert difference <= 1e-5, (path.name, samples, difference)
        worst = max(worst, difference)
print(f"all files pass onnx.checker; logits by {reader}" + (f": off by {worst:.1e} at the most" if run else " here"))
