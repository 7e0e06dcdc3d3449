#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "keel/graph/var.hpp"
#include "keel/models/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/presence.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

namespace detail {

/// A part of a model whose type is not known: it hands its children to `visit`, as one whose type is known does.
class AnyPart {
 public:
  AnyPart() = default;
  AnyPart(const AnyPart&) = delete;
  AnyPart& operator=(const AnyPart&) = delete;
  virtual ~AnyPart() = default;

  void visit(auto&& each) {
    visit_children([&](std::string_view name, Parameter& child) { each(name, child); },
                   [&](std::string_view name, AnyPart& child) { each(name, child); });
  }
  virtual void visit_settings(
      const std::function<void(std::string_view, std::optional<double>)>& each) const = 0;
  [[nodiscard]] virtual std::optional<Presence::Watch> watch() const = 0;
  /// Where it really lies.
  [[nodiscard]] virtual std::span<const std::byte> extent() const = 0;

 protected:
  virtual void visit_children(const std::function<void(std::string_view, Parameter&)>& on_parameter,
                              const std::function<void(std::string_view, AnyPart&)>& on_part) = 0;
};

/// A part of a known type, by reference.
template <class Module>
class PartOf final : public AnyPart {
 public:
  explicit PartOf(Module& module) : module_(module) {}

  void visit_settings(
      const std::function<void(std::string_view, std::optional<double>)>& each) const override {
    if constexpr (requires { module_.visit_settings(each); }) module_.visit_settings(each);
  }
  [[nodiscard]] std::optional<Presence::Watch> watch() const override {
    if constexpr (requires { module_.watch(); })
      return module_.watch();
    else
      return std::nullopt;
  }
  [[nodiscard]] std::span<const std::byte> extent() const override {
    return std::as_bytes(std::span{std::addressof(module_), 1});
  }

 private:
  void visit_children(const std::function<void(std::string_view, Parameter&)>& on_parameter,
                      const std::function<void(std::string_view, AnyPart&)>& on_part) override {
    const auto hand = [&]<class Child>(std::string_view name, Child& child) {
      if constexpr (std::same_as<Child, Parameter>) {
        on_parameter(name, child);
      } else if constexpr (std::derived_from<Child, AnyPart>) {
        on_part(name, child);
      } else {
        PartOf<Child> part{child};
        on_part(name, part);
      }
    };
    if constexpr (std::ranges::range<Module>) {
      std::size_t index = 0;
      for (auto& child : module_) hand(std::to_string(index++), child);
    } else if constexpr (has_parts<Module>) {
      module_.visit(hand);
    }
  }

  Module& module_;
};

/// What `src` is recorded for is recorded anew when the object is another: also where a function applies it,
/// of which only the parameters that it computes with are known.
void follow(const Var& src, const Presence& presence);

}  // namespace detail

/// A layer, a model or a function of one Var, of a type that is chosen when the program runs:
///
///   AnyModel model = deep ? AnyModel{Mlp{...}} : AnyModel{Linear{784, 10}};
///
/// It is a model like that which it holds: the same paths, the same steps and checkpoints. It is moved, like
/// all models, and not copied; what it holds stays where it is.
class AnyModel {
 public:
  /// Takes `model` over. A function takes a Var, and may take the caller's line as well.
  // Implicit on purpose: a container of them takes layers as they are.
  template <class Model>
  requires(!std::same_as<Model, AnyModel>)
      // NOLINTNEXTLINE(google-explicit-constructor)
      AnyModel(Model model)
      : held_(std::make_unique<Holder<Model>>(std::move(model))) {
    static_assert(detail::inputs_of<Model>() == 1, "an AnyModel is called with one Var");
  }

  /// Throws Error when it was moved from.
  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) {
    detail::follow(src, presence_);
    return held().apply(src, where);
  }

  void visit(auto&& each) {
    if (held_) held_->part().visit(each);
  }
  void visit_settings(auto&& each) const {
    if (held_) held_->part().visit_settings(each);
  }
  [[nodiscard]] std::span<const std::byte> extent() const {
    return held_ ? held_->part().extent() : std::span<const std::byte>{};
  }
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

 private:
  class Held {
   public:
    Held() = default;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    virtual ~Held() = default;
    [[nodiscard]] virtual Var apply(const Var& src, const SourceLocation& where) = 0;
    [[nodiscard]] virtual detail::AnyPart& part() = 0;
  };

  template <class Model>
  class Holder final : public Held {
   public:
    explicit Holder(Model model) : model_(std::move(model)) {}
    [[nodiscard]] Var apply(const Var& src, const SourceLocation& where) override {
      return detail::call_model(model_, std::span{&src, 1}, where);
    }
    [[nodiscard]] detail::AnyPart& part() override { return part_; }

   private:
    Model model_;
    detail::PartOf<Model> part_{model_};
  };

  [[nodiscard]] Held& held() const;

  std::unique_ptr<Held> held_;
  Presence presence_;
};

/// Layers and functions, one applied to the output of the other, as many and of what kinds the program
/// decides when it runs:
///
///   Layers model;
///   for (int i = 0; i < depth; ++i) model.push(Linear{64, 64}), model.push(relu);
///
/// They are named by their place, as in a Sequential: "0", "2", ...
class Layers {
 public:
  template <class... Any>
  explicit Layers(Any... layers) {
    (push(std::move(layers)), ...);
  }

  /// Adds one behind the others, which stay where they are. Steps that are compiled already follow, once it
  /// is initialized.
  template <class Layer>
  void push(Layer layer) {
    layers_.emplace_back(std::move(layer));
    presence_.change();
  }
  [[nodiscard]] std::size_t size() const { return layers_.size(); }
  /// Throws Error where there is none.
  [[nodiscard]] AnyModel& operator[](std::size_t index);

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) {
    detail::follow(src, presence_);
    Var value = src;
    for (auto& layer : layers_) value = layer(value, where);
    return value;
  }

  void visit(auto&& each) {
    for (std::size_t i = 0; i < layers_.size(); ++i) each(std::to_string(i), layers_[i]);
  }
  /// Tells when it grew or was moved, which its layers would not.
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

 private:
  std::deque<AnyModel> layers_;  // not a vector: they stay where they are as it grows
  Presence presence_;
};

}  // namespace keel
