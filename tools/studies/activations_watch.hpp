#pragma once

#include <map>
#include <string>
#include <vector>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/findings/percentiles.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/probe.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {

/// The trained parameters of a network by layer, as they are and as they were.
class LayerValues {
 public:
  explicit LayerValues(Network& network);

  /// Copies of all values as they are now.
  [[nodiscard]] std::vector<Tensor> save() const;
  /// Sets the values of the layers from `first` up to `end`, which is left out, to those of `copies`. Layers
  /// are counted from 1, a norm with what it normalizes.
  void restore(std::span<const Tensor> copies, std::size_t first, std::size_t end) const;
  /// Up to the output.
  [[nodiscard]] std::size_t layers() const { return layers_; }

 private:
  struct OfLayer {
    std::size_t layer;
    Tensor value;
  };
  std::vector<OfLayer> values_;
  std::size_t layers_ = 0;
};

/// Names of measures: a layer's gradient, how far it is after the step of the layers below from what it was
/// before, relative to that, and the cosine between both.
std::string gradient_shift_measure(std::size_t layer);
std::string gradient_cosine_measure(std::size_t layer);

/// Looks at a network at some of its steps, and writes what it sees to the measures of its run: "steps", the
/// shift and the cosine of each layer's gradient from the second layer on (Santurkar et al. 2018, definition
/// 2.1), percentiles of what a unit gets, and its "drift".
class ActivationsWatch {
 public:
  ActivationsWatch(Network& network, TrainingLoop& loop, const RunSettings& settings);

  /// Before a step that is to be looked at: takes the gradients on a fixed batch.
  void before_step();
  /// After it: how they have changed by what the layers below did, and what activations get.
  void after_step(std::int64_t step);
  /// The mean over the units of how far the median moves from one look to the next, over their spread.
  void summarize();

 private:
  using Gradients = std::vector<std::vector<float>>;

  void gather(std::size_t chunk);
  Gradients gradients();
  void look_at_gradients();
  void look_at_activations();
  void record(const std::string& place, const Percentiles& unit);

  TrainingLoop& loop_;
  Probe probe_;
  LayerValues values_;
  BatchGatherer fixed_;
  std::size_t size_;
  Gradients before_;
  std::vector<Tensor> values_before_;
  std::vector<std::vector<Percentiles>> before_norm_;  // by look, by unit
  std::vector<std::vector<Percentiles>> before_activation_;
};

}  // namespace keel::tools
