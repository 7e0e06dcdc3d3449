#pragma once

#include <functional>
#include <map>
#include <string>

#include "bounds.hpp"
#include "node_run.hpp"

namespace keel::differential {

/// What a node should have computed from the numbers that it read.
using Oracle = std::function<Prediction(const NodeRun&)>;
using Oracles = std::map<std::string, Oracle, std::less<>>;

/// The oracles of all operators, by name. Every one takes the very numbers that the f32 kernel read and works
/// in f64 or wider, so that errors do not add up from node to node and bounds stay tight.
const Oracles& oracles();

// By family; each adds its operators'.
void add_elementwise_oracles(Oracles& all);
void add_movement_oracles(Oracles& all);
void add_product_oracles(Oracles& all);
void add_sum_oracles(Oracles& all);
void add_pooling_oracles(Oracles& all);
void add_normalization_oracles(Oracles& all);
void add_softmax_oracles(Oracles& all);
void add_update_oracles(Oracles& all);
void add_loss_oracles(Oracles& all);
void add_more_oracles(Oracles& all);

}  // namespace keel::differential
