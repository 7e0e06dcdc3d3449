#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {

#if DNNL_VERSION_MAJOR >= 3

namespace {

dnnl::softmax_forward::primitive_desc softmax_desc(dnnl::algorithm algorithm, const Desc& data, int axis) {
  return {engine(), dnnl::prop_kind::forward_training, algorithm, data, data, axis, attributes()};
}

Call softmax_backward(dnnl::algorithm algorithm, const Desc& data, int axis) {
  return Call{dnnl::softmax_backward::primitive_desc{engine(), algorithm, data, data, data, axis,
                                                     softmax_desc(algorithm, data, axis), attributes()}};
}

}  // namespace

Call softmax_forward(const Desc& data, int axis) {
  return Call{softmax_desc(dnnl::algorithm::softmax_accurate, data, axis)};
}

Call softmax_backward(const Desc& data, int axis) {
  return softmax_backward(dnnl::algorithm::softmax_accurate, data, axis);
}

Call log_softmax_forward(const Desc& data, int axis) {
  return Call{softmax_desc(dnnl::algorithm::softmax_log, data, axis)};
}

Call log_softmax_backward(const Desc& data, int axis) {
  return softmax_backward(dnnl::algorithm::softmax_log, data, axis);
}

#else

namespace {

// Softmax and log-softmax are two primitives of one interface.
template <class Forward>
typename Forward::primitive_desc softmax_desc(const Desc& data, int axis) {
  return {{dnnl::prop_kind::forward_training, data, axis}, attributes(), engine()};
}

template <class Forward, class Backward>
Call softmax_backward(const Desc& data, int axis) {
  return Call{typename Backward::primitive_desc{
      {data, data, axis}, attributes(), engine(), softmax_desc<Forward>(data, axis)}};
}

}  // namespace

Call softmax_forward(const Desc& data, int axis) {
  return Call{softmax_desc<dnnl::softmax_forward>(data, axis)};
}

Call softmax_backward(const Desc& data, int axis) {
  return softmax_backward<dnnl::softmax_forward, dnnl::softmax_backward>(data, axis);
}

Call log_softmax_forward(const Desc& data, int axis) {
  return Call{softmax_desc<dnnl::logsoftmax_forward>(data, axis)};
}

Call log_softmax_backward(const Desc& data, int axis) {
  return softmax_backward<dnnl::logsoftmax_forward, dnnl::logsoftmax_backward>(data, axis);
}

#endif

}  // namespace keel::onednn
