#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {
namespace {

constexpr auto algorithm = dnnl::algorithm::convolution_direct;

// Those of the weights, with the groups apart where there are any.
dnnl::memory::dims weights_dims(const Convolution& of) {
  dnnl::memory::dims dims(of.weights.extents().begin(), of.weights.extents().end());
  if (of.groups == 1) return dims;
  dims[0] /= of.groups;
  dims.insert(dims.begin(), of.groups);
  return dims;
}

// oneDNN counts the pixels that are left out; between the places of a kernel of one there are none.
dnnl::memory::dims dilation_of(const Convolution& of) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return {kernel.height == 1 ? 0 : dilation.height - 1, kernel.width == 1 ? 0 : dilation.width - 1};
}

// The descriptors from which all three directions are made.
struct Description {
  explicit Description(const Convolution& convolution)
      : src(image(convolution.src, MemoryFormat::channels_last)),
        weights(weights_dims(convolution), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any),
        dst(image(convolution.dst, MemoryFormat::channels_last)),
        stride(dims_of(convolution.window.stride)),
        dilation(dilation_of(convolution)),
        padding(dims_of(convolution.window.padding)),
        padding_behind(dims_of(convolution.padding_behind.value_or(convolution.window.padding))) {
    if (convolution.bias) bias = dense({convolution.weights[0]});
  }

  Desc src;
  Desc weights;
  Desc dst;
  Desc bias = {};
  dnnl::memory::dims stride;
  dnnl::memory::dims dilation;
  dnnl::memory::dims padding;
  dnnl::memory::dims padding_behind;
};

dnnl::convolution_forward::primitive_desc forward_desc(const Description& of) {
  // In training mode, as backward's hint.
  const auto kind = dnnl::prop_kind::forward_training;
  const auto attribute = attributes();
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind,      algorithm,   of.src,     of.weights,        of.bias,
          of.dst,   of.stride, of.dilation, of.padding, of.padding_behind, attribute};
#else
  return {{kind, algorithm, of.src, of.weights, of.bias, of.dst, of.stride, of.dilation, of.padding,
           of.padding_behind},
          attribute,
          engine()};
#endif
}

}  // namespace

Desc Convolution::row_major_weights() const {
  return dense(Shape{weights_dims(*this)});
}

ConvolutionCall convolution_forward(const Convolution& convolution) {
  const auto desc = forward_desc(Description{convolution});
  return {Call{desc}, desc.weights_desc()};
}

ConvolutionCall convolution_backward_data(const Convolution& convolution) {
  using Backward = dnnl::convolution_backward_data;
  const Description of{convolution};
  const auto forward = forward_desc(of);
#if DNNL_VERSION_MAJOR >= 3
  const Backward::primitive_desc desc{engine(),    algorithm,   of.src,     of.weights,        of.dst,
                                      of.stride,   of.dilation, of.padding, of.padding_behind, forward,
                                      attributes()};
#else
  const Backward::primitive_desc desc{
      {algorithm, of.src, of.weights, of.dst, of.stride, of.dilation, of.padding, of.padding_behind},
      attributes(),
      engine(),
      forward};
#endif
  return {Call{desc}, desc.weights_desc()};
}

ConvolutionCall convolution_backward_weights(const Convolution& convolution) {
  using Backward = dnnl::convolution_backward_weights;
  const Description of{convolution};
  const auto forward = forward_desc(of);
#if DNNL_VERSION_MAJOR >= 3
  const Backward::primitive_desc desc{engine(), algorithm,   of.src,      of.weights, of.bias,
                                      of.dst,   of.stride,   of.dilation, of.padding, of.padding_behind,
                                      forward,  attributes()};
#else
  const Backward::primitive_desc desc{
      {algorithm, of.src, of.weights, of.bias, of.dst, of.stride, of.dilation, of.padding, of.padding_behind},
      attributes(),
      engine(),
      forward};
#endif
  return {Call{desc}, desc.diff_weights_desc()};
}

}  // namespace keel::onednn
