#include "keel/models/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "keel/models/safetensors_header.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace detail {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace

// An open regular file.
class SafetensorsSource {
 public:
  // (Opening a pipe without O_NONBLOCK would wait for its writer.)
  explicit SafetensorsSource(const fs::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) fail_to_load(path_, reason(errno));
  }
  ~SafetensorsSource() { ::close(descriptor_); }
  SafetensorsSource(const SafetensorsSource&) = delete;
  SafetensorsSource& operator=(const SafetensorsSource&) = delete;

  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode))
      fail_to_load(path_, "it is not a regular file");
    return static_cast<std::uint64_t>(status.st_size);
  }

  void read(std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const auto count = ::read(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_to_load(path_, reason(errno));
      if (count == 0) fail_to_load(path_, "it became shorter while it was read");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

 private:
  fs::path path_;
  int descriptor_;
};

}  // namespace detail

namespace {

namespace fs = std::filesystem;
using detail::fail_to_load;
using Source = detail::SafetensorsSource;

constexpr std::uint64_t longest_header = 100'000'000;  // the format's own limit

// The header with its length in front.
std::string read_header(const fs::path& path, const Source& source, std::uint64_t file_size) {
  std::array<std::byte, detail::length_bytes> prefix{};
  if (file_size < prefix.size())
    fail_to_load(path, fmt::format("it has only {}", counted(file_size, "byte")));
  source.read(prefix);
  const auto length = std::bit_cast<std::uint64_t>(prefix);
  if (length > longest_header || length > file_size - prefix.size()) {
    fail_to_load(
        path,
        fmt::format("its header would have {}, but the file has {}: it is damaged, or of another format",
                    counted(length, "byte"), file_size));
  }
  std::string text(prefix.size() + length, '\0');
  std::memcpy(text.data(), prefix.data(), prefix.size());
  source.read(std::as_writable_bytes(std::span{text}.subspan(prefix.size())));
  return text;
}

// `header` is given a copy of, in which the checksum's digits are zeros, as they were when it was taken.
void require_checksum(const fs::path& path, const std::map<std::string, std::string>& metadata,
                      std::string header, std::span<const std::byte> values) {
  const auto known = metadata.find(detail::checksum_key);
  if (known == metadata.end() || !known->second.starts_with(detail::checksum_algorithm)) return;
  const auto place = header.find(known->second);
  const auto digits = known->second.size() - detail::checksum_algorithm.size();
  if (place != std::string::npos)
    header.replace(place + detail::checksum_algorithm.size(), digits, std::string(digits, '0'));
  detail::Checksum checksum;
  checksum.add(std::as_bytes(std::span{header}));
  checksum.add(values);
  if (known->second == fmt::format("{}{}", detail::checksum_algorithm, checksum.text())) return;
  fail_to_load(path, fmt::format("its bytes have the checksum {}, but it says {}: it is damaged, or another "
                                 "program changed it",
                                 checksum.text(), known->second.substr(detail::checksum_algorithm.size())));
}

float from_half(std::uint16_t bits) {
  const unsigned sign = (bits & 0x8000U) << 16U;
  const unsigned exponent = (bits >> 10U) & 0x1FU;
  const unsigned fraction = bits & 0x3FFU;
  if (exponent == 0)
    return std::copysign(std::ldexp(static_cast<float>(fraction), -24), sign == 0 ? 1.0F : -1.0F);
  const unsigned rebiased = exponent == 0x1FU ? 0xFFU : exponent + 112U;
  return std::bit_cast<float>(sign | (rebiased << 23U) | (fraction << 13U));
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

// Elements of the file's, which need not be aligned, each converted to T.
template <class From, class T>
void convert(std::span<const std::byte> bytes, std::span<T> result, const auto& conversion) {
  for (std::size_t i = 0; i < result.size(); ++i) {
    From element{};
    std::memcpy(&element, bytes.data() + i * sizeof(From), sizeof(From));
    result[i] = conversion(element);
  }
}

}  // namespace

std::optional<DType> SafetensorsEntry::natural_dtype() const {
  const auto* const type =
      std::ranges::find(detail::safetensors_types, dtype, &detail::SafetensorsType::name);
  return type == detail::safetensors_types.end() ? std::nullopt : std::optional{type->dtype};
}

bool SafetensorsEntry::can_be_read_as(DType wanted) const {
  return natural_dtype() == wanted || (dtype == "I64" && (wanted == DType::f32 || wanted == DType::f64));
}

Safetensors::Safetensors(fs::path path) : path_(std::move(path)) {
  detail::require_little_endian(path_);
  source_ = std::make_shared<const Source>(path_);
  const auto size = source_->size();
  header_ = read_header(path_, *source_, size);
  value_bytes_ = size - header_.size();
  auto parsed = detail::parse_header(path_, header_.substr(detail::length_bytes), value_bytes_);
  entries_ = std::move(parsed.entries);
  metadata_ = std::move(parsed.metadata);
  require_side_by_side(value_bytes_);
}

void Safetensors::read_values() {
  values_ = std::make_shared<Buffer>(value_bytes_);
  source_->read({values_->data(), values_->size()});
  source_.reset();
  require_checksum(path_, metadata_, header_, {values_->data(), values_->size()});
}

void Safetensors::read_values_if(const std::function<void()>& accept) {
  constexpr std::uint64_t large = std::uint64_t{1} << 28U;
  try {
    accept();
  } catch (const Error&) {
    if (value_bytes_ < large) read_values();
    throw;
  }
  read_values();
}

void Safetensors::fail(std::string_view why) const {
  fail_to_load(path_, why);
}

// No two arrays share bytes, and there are no bytes but theirs.
void Safetensors::require_side_by_side(std::uint64_t value_bytes) const {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> order;
  for (const auto& [name, entry] : entries_) order.emplace_back(entry.begin, entry.end, name);
  std::ranges::sort(order);
  std::uint64_t covered = 0;
  for (const auto& [begin, end, name] : order) {
    if (begin != covered)
      fail(fmt::format("'{}' begins at byte {} of the values, not at {}", name, begin, covered));
    covered = end;
  }
  if (covered != value_bytes)
    fail(fmt::format("it holds {} of values, but its arrays have {}", counted(value_bytes, "byte"), covered));
}

Tensor Safetensors::tensor(const std::string& name, DType dtype) const {
  const auto& entry = entries_.at(name);
  const ValueType type{entry.shape, dtype};
  const std::span<const std::byte> bytes{values_->data() + entry.begin, entry.end - entry.begin};
  if (bytes.size() == type.bytes() && entry.dtype != "I64") return {values_, entry.begin, type};
  Tensor result{type};
  if (entry.dtype == "F16") {
    convert<std::uint16_t>(bytes, result.data<float>(), from_half);
  } else if (entry.dtype == "BF16") {
    convert<std::uint16_t>(bytes, result.data<float>(), from_bfloat16);
  } else if (dtype == DType::f32) {
    convert<std::int64_t>(bytes, result.data<float>(), [](auto x) { return static_cast<float>(x); });
  } else if (dtype == DType::f64) {
    convert<std::int64_t>(bytes, result.data<double>(), [](auto x) { return static_cast<double>(x); });
  } else {
    convert<std::int64_t>(bytes, result.data<std::int32_t>(), [&](auto x) {
      using Limits = std::numeric_limits<std::int32_t>;
      if (x < Limits::min() || x > Limits::max())
        fail(fmt::format("'{}' has {} in it, which s32 does not hold", name, x));
      return static_cast<std::int32_t>(x);
    });
  }
  return result;
}

}  // namespace keel
