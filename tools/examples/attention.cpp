// A block of self-attention over an embedding: of twelve letters, which one stands where the last token points to?
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <cmath>

constexpr int letters = 8, places = 12, width = 32;  // tokens: the letters, then a pointer to each place

struct Reader {
  keel::Embedding tokens{letters + places, width}, positions{places + 1, width};
  keel::LayerNorm norm{width};
  keel::Linear query{width, width}, key{width, width}, value{width, width}, head{width, letters};

  // (N, L) tokens and (L) their places to (N, letters)
  keel::Var operator()(keel::Var sequences, keel::Var numbers) {
    const auto x = norm(tokens(sequences) + positions(numbers));
    const auto scores = keel::matmul(query(x), key(x), {.weights = true}) * (1 / std::sqrt(width));
    const auto read = keel::matmul(keel::softmax(scores), value(x));
    return head(keel::squeeze(keel::slice(x + read, 1, places, places + 1), {1}));
  }
  void visit(auto&& each) {
    each("tokens", tokens), each("positions", positions), each("norm", norm), each("query", query);
    each("key", key), each("value", value), each("head", head);
  }
};

int main() {
  keel::Rng random{1};
  keel::Tensor sequences{{64, places + 1}, keel::DType::s32}, answers{{64}, keel::DType::s32};
  keel::Tensor numbers{{places + 1}, keel::DType::s32};
  for (int i = 0; auto& number : numbers.data<int>()) number = i++;
  Reader reader;
  keel::initialize(reader, random.stream("weights"));
  keel::Adam adam{{.learning_rate = 3e-3}};
  keel::TrainingStep step{reader, adam, keel::cross_entropy};
  for (int i = 1; i <= 500; ++i) {
    for (auto row = sequences.data<int>(); auto& answer : answers.data<int>()) {
      for (int k = 0; k < places; ++k) row[k] = static_cast<int>(random.below(letters));
      const auto place = random.below(places);
      row[places] = letters + static_cast<int>(place);
      answer = row[place];
      row = row.subspan(places + 1);
    }
    const double loss = step(sequences, numbers, answers);
    if (i % 100 == 0) fmt::print("step {}: loss {:.4f}\n", i, loss);
  }
}
