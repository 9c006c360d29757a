"""Export a trained student to ONNX with MMDeploy, and compare the outputs.

The student's plain config and the checkpoint of its TSKD run are all that is needed.
The file takes a batch that is normalised and padded as the config's data preprocessor
does it. A detector returns its best boxes, at most 100, with scores, (N, K, 5) in
pixels, and labels, (N, K); a classifier returns probabilities, (N, classes). Both are
run on the image in PyTorch and in ONNX Runtime, and the largest difference is printed.
MMDeploy may return a box for several classes where the host keeps its best class alone
(YOLOX): each box of PyTorch is compared with the nearest of its class.

Needs ``pip install mmdeploy==1.3.1 onnx==1.14.1 onnxruntime==1.16.3``.

Example:
    python tools/model_converters/student_to_onnx.py my_detector.py \
        work_dirs/my_tskd_config/epoch_12.pth image.jpg student.onnx
"""

import argparse
import copy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray

from tskd_mm.apis.delegate_to_host import host_of

BATCH_AND_SIZE = {0: 'batch', 2: 'height', 3: 'width'}
POST_PROCESSING = {
    'score_threshold': 0.05,  # where the student's test_cfg has none
    'confidence_threshold': 0.005,
    'iou_threshold': 0.5,
    'max_output_boxes_per_class': 200,
    'pre_top_k': 5000,
    'keep_top_k': 100,
    'background_label_id': -1,
}
PACKAGES = {'mmdeploy': '1.3.1', 'onnx': '1.14.1', 'onnxruntime': '1.16.3'}
Outputs = list[NDArray[Any]]


def deploy_config(host: str) -> Config:
    """MMDeploy's config for ONNX Runtime.

    Args:
        host: ``'mmdet'`` or ``'mmpretrain'``.
    """
    detects = host == 'mmdet'
    names = ['dets', 'labels'] if detects else ['output']
    axes = {name: {0: 'batch'} for name in names}
    codebase: dict[str, Any] = {'type': host, 'task': 'Classification'}
    if detects:
        codebase.update(task='ObjectDetection', model_type='end2end')
        codebase['post_processing'] = POST_PROCESSING
        axes = {name: {0: 'batch', 1: 'boxes'} for name in names}
    onnx = {
        'type': 'onnx',
        'export_params': True,
        'keep_initializers_as_inputs': False,
        'opset_version': 11,
        'save_file': 'student.onnx',
        'input_names': ['input'],
        'output_names': names,
        'input_shape': None,
        'optimize': False,  # an extension that the wheel does not have
        'dynamic_axes': {'input': BATCH_AND_SIZE, **axes},
    }
    runtime = {'type': 'onnxruntime'}
    parts = {'onnx_config': onnx, 'codebase_config': codebase}
    return Config({**parts, 'backend_config': runtime})


def export(config: str, checkpoint: str, image: str, out: str) -> tuple[float, int]:
    """Write the file, and compare it with the student.

    Args:
        config: The student's plain config.
        checkpoint: Of its training.
        image: To trace the student with, and to compare.
        out: The file to write.

    Returns:
        The largest difference of PyTorch's outputs from ONNX Runtime's, and how many
        boxes, or probabilities, were compared.
    """
    _require_mmdeploy()
    from mmdeploy.apis import torch2onnx

    deploy, path = deploy_config(host_of([config])), Path(out).resolve()
    model_config = Config.fromfile(config)
    names = str(path.parent), path.name
    torch2onnx(image, *names, copy.deepcopy(deploy), model_config, checkpoint, 'cpu')
    inputs, expected = run_in_torch(deploy, config, checkpoint, image)
    found = run_in_onnx(str(path), inputs)
    gaps = differences(found, expected)
    return float(gaps.max(initial=0)), gaps.size


def _require_mmdeploy() -> None:
    """Ends the program with one line where a package is missing."""
    missing = [name for name in PACKAGES if not find_spec(name)]
    if missing:
        sys.exit(
            f'the export needs {", ".join(missing)}: run pip install '
            + ' '.join(f'{name}=={version}' for name, version in PACKAGES.items())
        )


def differences(found: Outputs, expected: Outputs) -> NDArray[Any]:
    """Of each probability, or of each box from the nearest of its class.

    Args:
        found: By ONNX: probabilities, (1, classes), or boxes with scores, (1, K, 5),
            and labels, (1, K).
        expected: By PyTorch, the same.

    Returns:
        One number for each that is expected. Boxes that are weaker than all that
        MMDeploy's limit keeps are left out; one that is missed is infinitely far.
    """
    if len(found) == 1:
        return np.abs(found[0] - expected[0])
    (boxes, labels), (targets, classes) = ([x[0] for x in y] for y in (found, expected))
    full = len(boxes) == POST_PROCESSING['keep_top_k']
    kept = targets[:, 4] > (boxes[:, 4].min() if full else 0)
    gaps = np.abs(targets[kept][:, None] - boxes).max(-1)
    gaps[classes[kept][:, None] != labels] = np.inf
    return gaps.min(1, initial=np.inf)


@torch.no_grad()
def run_in_torch(
    deploy: Config, config: str, checkpoint: str, image: str
) -> tuple[NDArray[Any], Outputs]:
    """The preprocessed image, and what the student says to it."""
    from mmdeploy.apis.utils import build_task_processor

    processor = build_task_processor(Config.fromfile(config), deploy, 'cpu')
    model = processor.build_pytorch_model(checkpoint).eval()
    data = model.data_preprocessor(processor.create_input(image)[0], False)
    inputs, samples = data['inputs'], data['data_samples']
    if deploy.codebase_config.type == 'mmpretrain':
        [sample] = model.predict(inputs, samples)
        return inputs.numpy(), [sample.pred_score.numpy()[None]]
    [sample] = model.predict(inputs, samples, rescale=False)
    found = sample.pred_instances
    boxes = torch.cat([found.bboxes, found.scores[:, None]], dim=1)
    return inputs.numpy(), [boxes.numpy()[None], found.labels.numpy()[None]]


def run_in_onnx(file: str, inputs: NDArray[Any]) -> Outputs:
    """What the exported student says to a preprocessed batch."""
    from onnxruntime import InferenceSession

    session = InferenceSession(file, providers=['CPUExecutionProvider'])
    return session.run(None, {'input': inputs})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help="the student's plain config")
    parser.add_argument('checkpoint')
    parser.add_argument('image', help='to trace the student with, and to compare')
    parser.add_argument('out', help='the file to write, such as student.onnx')
    args = parser.parse_args()
    difference, count = export(args.config, args.checkpoint, args.image, args.out)
    print(
        f'{args.out}: {count} outputs differ from PyTorch by {difference:.2g} at most'
    )


if __name__ == '__main__':
    main()
