#include <fmt/format.h>

#include <algorithm>

#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/models/onnx/network.hpp"

namespace keel {
namespace detail {
namespace {

// A name that a path can have in it, and a text file as well.
std::string part_name(std::string_view name) {
  std::string result;
  for (const char c : name) result += c > ' ' && c < '\x7F' ? c : '_';
  return result.empty() ? "_" : result;
}

}  // namespace

std::pair<OnnxPart*, std::string> OnnxPart::place_of(const std::string& name) {
  constexpr int deepest = 16;
  OnnxPart* part = this;
  std::size_t begin = 0;
  int depth = 0;
  for (auto dot = name.find('.'); dot != std::string::npos && depth < deepest;
       dot = name.find('.', begin), ++depth) {
    const auto step = part_name(name.substr(begin, dot - begin));
    begin = dot + 1;
    const auto [found, is_new] = part->parts_.emplace(step, part->children_.size());
    if (is_new) part->children_.emplace_back(step, Child{nullptr, std::make_unique<OnnxPart>()});
    part = part->children_[found->second].second.part.get();
  }
  auto last = part_name(name.substr(begin));
  std::ranges::replace(last, '.', '_');
  return {part, last};
}

Parameter& OnnxPart::add(const std::string& name, Parameter parameter) {
  const auto [part, last] = place_of(name);
  std::string distinct = last;
  while (!part->parameters_.emplace(distinct, part->children_.size()).second)
    distinct = fmt::format("{}_{}", last, ++part->taken_[last] + 1);
  auto& child = part->children_.emplace_back(distinct, Child{}).second;
  child.parameter = std::make_unique<Parameter>(std::move(parameter));
  return *child.parameter;
}

void OnnxPart::add_setting(const std::string& parameter, const std::string& name, double value) {
  auto* const part = place_of(parameter).first;
  const auto is_there = std::ranges::any_of(part->settings_, [&](const auto& s) { return s.first == name; });
  if (part != this && !is_there) part->settings_.emplace_back(name, value);
}

}  // namespace detail

OnnxModel::OnnxModel(std::unique_ptr<detail::OnnxNetwork> network) : network_(std::move(network)) {}
OnnxModel::OnnxModel(OnnxModel&&) noexcept = default;
OnnxModel& OnnxModel::operator=(OnnxModel&&) noexcept = default;
OnnxModel::~OnnxModel() = default;

namespace {

const detail::OnnxNetwork& usable(const std::unique_ptr<detail::OnnxNetwork>& network) {
  if (network == nullptr) throw Error{"an OnnxModel that was moved from has no network any more"};
  return *network;
}

}  // namespace

Var OnnxModel::operator()(const Var& src, const SourceLocation& where) const {
  return apply(std::span{&src, 1}, where).front();
}

std::vector<Var> OnnxModel::apply(std::span<const Var> inputs, const SourceLocation& where) const {
  if (inputs.empty()) throw Error{fmt::format("{} was given no input", usable(network_).path.string())};
  return apply(inputs.front().tape(), inputs, where);
}

std::vector<Var> OnnxModel::apply(Tape& tape, std::span<const Var> inputs,
                                  const SourceLocation& where) const {
  return usable(network_).record(tape, inputs, where);
}

const std::vector<OnnxValue>& OnnxModel::inputs() const {
  return usable(network_).inputs;
}

const std::vector<OnnxValue>& OnnxModel::outputs() const {
  return usable(network_).outputs;
}

const std::map<std::string, std::string>& OnnxModel::texts() const {
  return usable(network_).texts;
}

std::vector<std::string> OnnxModel::operators() const {
  return usable(network_).operators();
}

detail::OnnxPart& OnnxModel::parts() const {
  usable(network_);
  return network_->parts;
}

OnnxModel load_onnx(const std::filesystem::path& path, const ImportOptions& options) {
  auto network = std::make_unique<onnx::Network>();
  network->path = path;
  onnx::build_network(onnx::read_file(path), options, *network);
  return OnnxModel{std::move(network)};
}

}  // namespace keel
