#include "oracle.hpp"

namespace keel::differential {

const Oracles& oracles() {
  static const Oracles table = [] {
    Oracles all;
    add_elementwise_oracles(all);
    add_movement_oracles(all);
    add_product_oracles(all);
    add_sum_oracles(all);
    add_pooling_oracles(all);
    add_normalization_oracles(all);
    add_softmax_oracles(all);
    add_update_oracles(all);
    add_loss_oracles(all);
    add_more_oracles(all);
    return all;
  }();
  return table;
}

}  // namespace keel::differential
