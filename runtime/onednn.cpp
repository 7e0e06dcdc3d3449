#include "keel/runtime/onednn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "keel/runtime/error.hpp"
#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {

// The engine lives as long as the process: plans on any thread share it.
const dnnl::engine& engine() {
  static const dnnl::engine cpu{dnnl::engine::kind::cpu, 0};
  return cpu;
}

namespace {

// What a process may still map under a limit on its address space or its data, in bytes, by the kernel's own count. Asking
// for memory and giving it back would tell as well, but takes it from another thread that needs it in that moment.
std::size_t room_left(int resource, std::size_t pages_used) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::size_t>::max();
  const std::size_t used = pages_used * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

std::size_t room_left() {
  std::array<char, 128> text{};
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const auto length = file < 0 ? 0 : ::read(file, text.data(), text.size() - 1);
  if (file >= 0) ::close(file);
  std::size_t size = 0;
  std::size_t data = 0;
  if (length <= 0 || std::sscanf(text.data(), "%zu %*u %*u %*u %*u %zu", &size, &data) != 2)
    return std::numeric_limits<std::size_t>::max();
  return std::min(room_left(RLIMIT_AS, size), room_left(RLIMIT_DATA, data));
}

// oneDNN's code generator does not survive that memory can't be had, and oneDNN 2 describes primitives without looking
// whether it was given memory for that: where a process's memory is limited, both are asked for only where there is more
// than they need.
void require_room() {
  static const bool is_limited = room_left() != std::numeric_limits<std::size_t>::max();
  constexpr std::size_t plenty = std::size_t{32} << 20;
  if (!is_limited || room_left() >= plenty) return;
  throw Error{"out of memory: the limits on memory leave no room for a kernel's code (ulimit -v, ulimit -d)"};
}

}  // namespace

// Scratch memory comes from the plan: a primitive may then run on another thread than the one that made it.
dnnl::primitive_attr attributes() {
  require_room();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

namespace {

dnnl::memory::data_type data_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return dnnl::memory::data_type::f32;
    case DType::s32:
      return dnnl::memory::data_type::s32;
    case DType::u8:
      return dnnl::memory::data_type::u8;
    case DType::f64:
      break;
  }
  throw Error{"oneDNN has no f64 kernels; bind the reference instead"};
}

dnnl::memory::dims dims_of(const Shape& shape) {
  if (shape.rank() == 0) return {1};
  return {shape.extents().begin(), shape.extents().end()};
}

}  // namespace

Desc dense(const Shape& shape, DType dtype) {
  const auto dims = dims_of(shape);
  dnnl::memory::dims strides(dims.size());
  std::int64_t stride = 1;
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return {dims, data_type(dtype), strides};
}

Desc strided(const Shape& shape, std::span<const std::int64_t> strides) {
  if (shape.rank() == 0) return dense(shape);
  return {dims_of(shape), data_type(DType::f32), {strides.begin(), strides.end()}};
}

Desc part_of(const Shape& whole, const Shape& part, std::size_t axis, std::int64_t begin) {
  dnnl::memory::dims offsets(whole.rank(), 0);
  offsets.at(axis) = begin;
  return dense(whole).submemory_desc(dims_of(part), offsets);
}

Desc matrix(std::int64_t rows, std::int64_t columns, bool transposed) {
  using Tag = dnnl::memory::format_tag;
  return {{rows, columns}, dnnl::memory::data_type::f32, transposed ? Tag::ba : Tag::ab};
}

Desc matrices(std::int64_t count, std::int64_t rows, std::int64_t columns, bool transposed) {
  using Tag = dnnl::memory::format_tag;
  return {{count, rows, columns}, dnnl::memory::data_type::f32, transposed ? Tag::acb : Tag::abc};
}

Desc batch_of_features(std::int64_t count, std::int64_t features) {
  return {{count, features, 1, 1}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc};
}

Desc image(const Shape& shape, MemoryFormat format) {
  using Tag = dnnl::memory::format_tag;
  return {dims_of(shape), dnnl::memory::data_type::f32,
          format == MemoryFormat::channels_last ? Tag::nhwc : Tag::nchw};
}

// The C interface takes a ready array of arguments, where the C++ one builds one from a map at every call.
struct Call::Execution {
  dnnl::primitive primitive;
  dnnl::stream stream{engine()};
  std::vector<dnnl::memory> memories;
  std::vector<dnnl_exec_arg_t> arguments;

  void run() const {
    const auto status = dnnl_primitive_execute(primitive.get(), stream.get(),
                                               static_cast<int>(arguments.size()), arguments.data());
    if (status != dnnl_success) {
      throw Error{fmt::format("oneDNN failed to run a primitive: status {}", static_cast<int>(status))};
    }
  }
};

Call::Call(const dnnl::primitive_desc_base& primitive_desc)
    : execution_(std::make_shared<Execution>()),
      scratch_(primitive_desc.scratchpad_desc()),
      implementation_(primitive_desc.impl_info_str()) {
  require_room();
  execution_->primitive = dnnl::primitive{primitive_desc.get()};
}

Call& Call::argument(int index, const Desc& desc, Slot& slot) {
  dnnl::memory memory{desc, engine(), DNNL_MEMORY_NONE};
  auto* handle = memory.get();
  execution_->memories.push_back(std::move(memory));
  execution_->arguments.push_back({index, handle});
  slot.follow([handle](void* data) { dnnl_memory_set_data_handle(handle, data); });
  return *this;
}

Kernel Call::kernel(Slot* scratch) && {
  if (scratch_bytes() > 0) argument(DNNL_ARG_SCRATCHPAD, scratch_, *scratch);
  return {[execution = std::move(execution_)] { execution->run(); }, std::move(implementation_)};
}

Call matmul(const Desc& src, const Desc& weights, const std::optional<Desc>& bias, const Desc& dst,
            std::optional<float> accumulate) {
  auto attribute = attributes();
  dnnl::post_ops post_ops;
  if (accumulate) post_ops.append_sum(*accumulate);
  attribute.set_post_ops(post_ops);
  const Desc bias_desc = bias.value_or(Desc{});
#if DNNL_VERSION_MAJOR >= 3
  return Call{dnnl::matmul::primitive_desc{engine(), src, weights, bias_desc, dst, attribute}};
#else
  return Call{dnnl::matmul::primitive_desc{{src, weights, bias_desc, dst}, attribute, engine()}};
#endif
}

Call inner_product(const Desc& src, const Desc& weights, const std::optional<Desc>& bias, const Desc& dst) {
  using Forward = dnnl::inner_product_forward;
  const auto attribute = attributes();
  const auto kind = dnnl::prop_kind::forward_inference;
  const Desc bias_desc = bias.value_or(Desc{});
#if DNNL_VERSION_MAJOR >= 3
  return Call{Forward::primitive_desc{engine(), kind, src, weights, bias_desc, dst, attribute}};
#else
  return Call{Forward::primitive_desc{{kind, src, weights, bias_desc, dst}, attribute, engine()}};
#endif
}

Call reorder(const Desc& src, const Desc& dst) {
  return Call{dnnl::reorder::primitive_desc{engine(), src, engine(), dst, attributes()}};
}

Call concatenate(const Desc& dst, std::size_t axis, const std::vector<Desc>& srcs) {
#if DNNL_VERSION_MAJOR >= 3
  return Call{dnnl::concat::primitive_desc{engine(), dst, static_cast<int>(axis), srcs, attributes()}};
#else
  return Call{dnnl::concat::primitive_desc{dst, static_cast<int>(axis), srcs, engine(), attributes()}};
#endif
}

Call binary(dnnl::algorithm algorithm, const Desc& src0, const Desc& src1, const Desc& dst) {
#if DNNL_VERSION_MAJOR >= 3
  return Call{dnnl::binary::primitive_desc{engine(), algorithm, src0, src1, dst, attributes()}};
#else
  return Call{dnnl::binary::primitive_desc{{algorithm, src0, src1, dst}, attributes(), engine()}};
#endif
}

std::string version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

std::string instruction_set() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return "the default";
  }
}

}  // namespace keel::onednn
