// A variational autoencoder (Kingma and Welling 2014) of waves: what it learns is that they differ in a phase.
#include <fmt/format.h>
#include <keel/keel.hpp>

#include <cmath>

using keel::Tensor, keel::Var;

struct Vae {
  static constexpr std::int64_t pixels = 16, codes = 2;
  keel::Linear encoder{pixels, 64}, mean{64, codes}, log_variance{64, codes};
  keel::Linear decoder{codes, 64}, image{64, pixels};

  struct Result {
    Var image, mean, log_variance;
  };
  Var decode(Var code) { return image(keel::tanh(decoder(code))); }
  Result operator()(Var images, Var noise) {
    const Var hidden = keel::tanh(encoder(images));
    const Var mu = mean(hidden), log_var = log_variance(hidden);
    return {decode(mu + keel::exp(0.5 * log_var) * noise), mu, log_var};
  }
  void visit(auto&& each) {
    each("encoder", encoder), each("mean", mean), each("log_variance", log_variance);
    each("decoder", decoder), each("image", image);
  }
};

// Of an image: half the squared error over a variance of 0.01, and the divergence of the code from a normal one.
Var negative_evidence(const Vae::Result& result, const Var& images) {
  const auto& [image, mu, log_var] = result;
  const Var error = keel::mean(keel::sum(keel::square(image - images), {1})) / 0.02;
  const Var divergence =
      keel::mean(keel::sum(keel::square(mu) + keel::exp(log_var) - log_var - 1.0, {1})) * 0.5;
  keel::report("error", error);
  keel::report("divergence", divergence);
  return error + divergence;
}

int main() {
  keel::Rng random{1};
  Vae model;
  keel::initialize(model, random.stream("weights"));
  keel::Adam adam{{.learning_rate = 3e-3}};
  keel::TrainingStep step{model, adam, negative_evidence};
  Tensor images{{128, Vae::pixels}}, noise{{128, Vae::codes}};
  for (int i = 1; i <= 2000; ++i) {
    for (auto rest = images.data<float>(); !rest.empty(); rest = rest.subspan(Vae::pixels)) {
      const double phase = random.uniform(-3.14159265, 3.14159265);
      for (std::size_t k = 0; k < Vae::pixels; ++k)
        rest[k] = static_cast<float>(std::sin(phase + 0.4 * static_cast<double>(k)));
    }
    for (auto& x : noise.data<float>()) x = static_cast<float>(random.normal());
    const double loss = step(images, noise, images);
    if (i % 500 == 0)
      fmt::print("step {}: loss {:.2f}, error {:.2f}, divergence {:.2f}\n", i, loss,
                 step.reported("error").data<float>()[0], step.reported("divergence").data<float>()[0]);
  }
}
