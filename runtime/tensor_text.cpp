// What is done with a tensor to look at it: comparing and printing.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <utility>

#include "keel/runtime/tensor.hpp"
#include "keel/runtime/tensor_elements.hpp"

namespace keel {
namespace {

constexpr std::int64_t most_elements = 1000;  // that are all printed
constexpr std::int64_t shown_at_an_end = 3;
constexpr std::size_t line_width = 80;

class Printer {
 public:
  explicit Printer(const Tensor& tensor)
      : tensor_(tensor), elided_(tensor.shape().elements() > most_elements) {
    measure(0, 0);
  }

  std::string text() {
    print(0, 0);
    return std::move(text_);
  }

 private:
  [[nodiscard]] std::string number(std::int64_t index) const {
    const double value = detail::element(tensor_, index);
    const bool whole = tensor_.dtype() == DType::s32 || tensor_.dtype() == DType::u8;
    return whole ? fmt::format("{}", static_cast<std::int64_t>(value)) : fmt::format("{:.5g}", value);
  }

  // Calls `each` with the places along an axis that are shown, and -1 for what is left out.
  void for_shown(std::size_t axis, const auto& each) const {
    const auto extent = tensor_.shape()[axis];
    const bool leaves_out = elided_ && extent > 2 * shown_at_an_end;
    for (std::int64_t i = 0; i < extent; ++i) {
      if (leaves_out && i == shown_at_an_end) {
        each(-1);
        i = extent - shown_at_an_end;
      }
      each(i);
    }
  }

  void measure(std::size_t axis, std::int64_t index) {
    if (axis == tensor_.shape().rank()) {
      width_ = std::max(width_, number(index).size());
      return;
    }
    for_shown(axis, [&](std::int64_t i) {
      if (i >= 0) measure(axis + 1, index * tensor_.shape()[axis] + i);
    });
  }

  void print(std::size_t axis, std::int64_t index) {
    const auto rank = tensor_.shape().rank();
    if (axis == rank) {
      text_ += rank == 0 ? number(index) : fmt::format("{:>{}}", number(index), width_);
      return;
    }
    text_ += '[';
    bool first = true;
    for_shown(axis, [&](std::int64_t i) {
      if (!first) separate(axis);
      first = false;
      if (i < 0)
        text_ += "...";
      else
        print(axis + 1, index * tensor_.shape()[axis] + i);
    });
    text_ += ']';
  }

  // Elements stand beside each other, rows below, matrices with an empty line between them.
  void separate(std::size_t axis) {
    const auto below = tensor_.shape().rank() - axis - 1;
    const auto start = text_.rfind('\n') + 1;  // 0 on the first line
    if (below == 0 && text_.size() - start + 1 + width_ + 1 <= line_width) {
      text_ += ' ';
    } else {
      text_.append(std::max<std::size_t>(below, 1), '\n').append(axis + 1, ' ');
    }
  }

  const Tensor& tensor_;
  bool elided_;
  std::size_t width_ = 0;
  std::string text_;
};

}  // namespace

bool operator==(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.type() != b.type()) return false;
  for (std::int64_t i = 0; i < a.shape().elements(); ++i)
    if (detail::element(a, i) != detail::element(b, i)) return false;
  return true;
}

bool all_close(const Tensor& a, const Tensor& b, const Closeness& allowed) {
  require_values(a, "a tensor that was to be compared");
  require_values(b, "a tensor that was to be compared");
  if (a.shape() != b.shape()) return false;
  for (std::int64_t i = 0; i < a.shape().elements(); ++i) {
    const double x = detail::element(a, i);
    const double y = detail::element(b, i);
    const bool is_finite = std::isfinite(x) && std::isfinite(y);
    const bool is_near = is_finite && std::abs(x - y) <= allowed.absolute + allowed.relative * std::abs(y);
    if (x != y && !is_near) return false;
  }
  return true;
}

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined tensor";
  return fmt::format("{}\n{}", to_string(tensor.type()), Printer{tensor}.text());
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) {
  return stream << to_string(tensor);
}

}  // namespace keel
