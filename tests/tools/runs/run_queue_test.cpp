#include "keel/tools/runs/run_queue.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include "keel/runtime/error.hpp"

#include "../../support/made_up_runs.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// Jobs whose order, and what runs beside what, can be looked at.
class Observed {
 public:
  void add(std::uint64_t seed, double cost, bool alone = false) {
    jobs_.push_back({.settings = settings_of(seed),
                     .cost = cost,
                     .alone = alone,
                     .run = [this, alone](const RunSettings& settings, const RunContext&) {
                       return run(settings, alone);
                     }});
  }

  [[nodiscard]] std::vector<Job>& jobs() { return jobs_; }
  [[nodiscard]] std::vector<std::uint64_t> begun() const { return begun_; }
  [[nodiscard]] bool disturbed() const { return disturbed_; }

 private:
  std::optional<RunResult> run(const RunSettings& settings, bool alone) {
    {
      const std::scoped_lock lock{mutex_};
      begun_.push_back(settings.seed);
    }
    const int beside = under_way_++;
    if (alone && beside > 0) disturbed_ = true;
    std::this_thread::sleep_for(std::chrono::milliseconds{settings.seed % 3});
    if (alone && under_way_ > 1) disturbed_ = true;
    --under_way_;
    return result_of(settings);
  }

  std::vector<Job> jobs_;
  std::mutex mutex_;
  std::vector<std::uint64_t> begun_;
  std::atomic<int> under_way_ = 0;
  std::atomic<bool> disturbed_ = false;
};

Job job_with_prefixes(std::uint64_t seed, const std::vector<std::uint64_t>& prefixes) {
  Job job{.settings = settings_of(seed)};
  for (const auto prefix : prefixes) job.prefixes.push_back(settings_of(prefix));
  job.run = [all = job.prefixes](const RunSettings& settings, const RunContext& context) {
    for (const auto& prefix : all) context.hand_in(result_of(prefix));
    return std::optional{result_of(settings)};
  };
  return job;
}

std::vector<std::uint64_t> seeds_of(std::span<const RunResult> runs) {
  std::vector<std::uint64_t> seeds;
  for (const auto& run : runs) seeds.push_back(run.settings.seed);
  return seeds;
}

BOOST_FIXTURE_TEST_SUITE(run_queue, StoreFolder)

BOOST_AUTO_TEST_CASE(results_are_in_the_order_of_the_jobs_on_any_number_of_threads) {
  for (const int threads : {1, 2, 5}) {
    Observed observed;
    std::vector<std::uint64_t> expected;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      observed.add(seed, static_cast<double>(seed * 7 % 5), seed % 4 == 0);
      expected.push_back(seed);
    }
    BOOST_TEST(seeds_of(run_quietly(observed.jobs(), threads)) == expected, boost::test_tools::per_element());
    BOOST_TEST(observed.begun().size() == 20U);
  }
}

BOOST_AUTO_TEST_CASE(long_runs_are_begun_first_and_those_of_a_kind_in_their_order) {
  Observed observed;
  for (const auto& [seed, cost] : {std::pair{1, 1.0}, {2, 5.0}, {3, 0.1}, {4, 5.0}, {5, 2.0}})
    observed.add(static_cast<std::uint64_t>(seed), cost);
  observed.add(6, 100.0, true);
  observed.add(7, 200.0, true);
  run_quietly(observed.jobs(), 1);
  BOOST_TEST(observed.begun() == (std::vector<std::uint64_t>{2, 4, 5, 1, 3, 7, 6}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_measures_time_runs_last_and_alone) {
  Observed observed;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) observed.add(seed, 1.0, seed % 3 == 0);
  run_quietly(observed.jobs(), 4);
  BOOST_TEST(!observed.disturbed());
  const auto begun = observed.begun();
  for (std::size_t i = 0; i < begun.size(); ++i) BOOST_TEST((begun[i] % 3 == 0) == (i >= 16), i);
}

BOOST_AUTO_TEST_CASE(a_run_that_throws_is_recorded_and_the_others_go_on) {
  for (const int threads : {1, 3}) {
    std::vector<Job> jobs;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      jobs.push_back(job_of(seed, [](const RunSettings& settings) -> std::optional<RunResult> {
        if (settings.seed == 2) throw Error{"no memory, \"really\""};
        return result_of(settings);
      }));
    }
    const auto store = this->store();
    const auto runs = run_quietly(jobs, threads, &store);
    BOOST_REQUIRE(runs.size() == 6U);
    BOOST_TEST(runs[1].error == "no memory, \"really\"");
    BOOST_TEST(runs[1].epochs.empty());
    BOOST_TEST(!runs[1].test.has_value());
    BOOST_TEST((runs[1].settings == jobs[1].settings));
    for (const std::size_t i : {0, 2, 3, 4, 5}) BOOST_TEST(runs[i].error == "");
  }
}

BOOST_AUTO_TEST_CASE(a_job_hands_in_runs_that_are_its_beginning) {
  const auto store = this->store();
  const std::vector jobs{job_with_prefixes(1, {11, 12}), job_of(2, result_of), job_with_prefixes(3, {13})};
  BOOST_TEST(count_runs(jobs) == 6U);
  const std::vector<std::uint64_t> order{1, 11, 12, 2, 3, 13};
  for (const int threads : {1, 3})
    BOOST_TEST(seeds_of(run_quietly(jobs, threads, &store)) == order, boost::test_tools::per_element());
  for (const auto seed : order) BOOST_TEST(store.find(settings_of(seed)).has_value());
}

BOOST_AUTO_TEST_CASE(a_job_is_done_again_if_one_of_its_runs_is_missing) {
  int times = 0;
  auto job = job_with_prefixes(1, {11});
  job.run = [&times, run = job.run](const RunSettings& settings, const RunContext& context) {
    ++times;
    return run(settings, context);
  };
  const auto store = this->store();
  store.save(result_of(settings_of(1)));
  BOOST_TEST(run_quietly(std::span{&job, 1}, 1, &store).size() == 2U);
  BOOST_TEST(times == 1);
  BOOST_TEST(run_quietly(std::span{&job, 1}, 1, &store).size() == 2U);
  BOOST_TEST(times == 1);
}

BOOST_AUTO_TEST_CASE(what_a_job_handed_in_before_it_threw_is_kept) {
  auto job = job_with_prefixes(1, {11, 12});
  job.run = [](const RunSettings&, const RunContext& context) -> std::optional<RunResult> {
    context.hand_in(result_of(settings_of(11)));
    throw Error{"no memory"};
  };
  const auto runs = run_quietly(std::span{&job, 1}, 1);
  BOOST_TEST(seeds_of(runs) == (std::vector<std::uint64_t>{1, 11, 12}), boost::test_tools::per_element());
  BOOST_TEST(runs.at(0).error == "no memory");
  BOOST_TEST(runs.at(1).error == "");
  BOOST_TEST(runs.at(2).error == "no memory");
}

BOOST_AUTO_TEST_CASE(a_job_that_keeps_a_prefix_back_has_failed) {
  auto job = job_with_prefixes(1, {11});
  job.run = [](const RunSettings& settings, const RunContext&) { return std::optional{result_of(settings)}; };
  for (const auto& run : run_quietly(std::span{&job, 1}, 1))
    BOOST_TEST(run.error.find("handed in 0 of its 1 prefixes") != std::string::npos, run.error);
}

BOOST_AUTO_TEST_CASE(a_stop_keeps_what_is_finished) {
  std::stop_source source;
  std::vector<Job> jobs;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    jobs.push_back(job_of(seed, [&](const RunSettings& settings) -> std::optional<RunResult> {
      if (settings.seed == 4) source.request_stop();
      if (source.stop_requested()) return std::nullopt;
      return result_of(settings);
    }));
  }
  const auto store = this->store();
  const auto runs = run_quietly(jobs, 1, &store, source.get_token());
  BOOST_TEST(seeds_of(runs) == (std::vector<std::uint64_t>{1, 2, 3}), boost::test_tools::per_element());
  // Gone on with, the three are not run again.
  std::vector<std::uint64_t> again;
  for (auto& job : jobs) {
    job.run = [&](const RunSettings& settings, const RunContext&) {
      again.push_back(settings.seed);
      return std::optional{result_of(settings)};
    };
  }
  BOOST_TEST(run_quietly(jobs, 1, &store).size() == 10U);
  BOOST_TEST(again == (std::vector<std::uint64_t>{4, 5, 6, 7, 8, 9, 10}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_run_is_kept_before_its_worker_begins_another) {
  const auto store = this->store();
  std::vector<Job> jobs;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    jobs.push_back(job_of(seed, [&](const RunSettings& settings) {
      for (std::uint64_t earlier = 1; earlier < settings.seed; ++earlier)
        BOOST_TEST(store.find(settings_of(earlier)).has_value());
      return std::optional{result_of(settings)};
    }));
  }
  run_quietly(jobs, 1, &store);
}

BOOST_AUTO_TEST_CASE(two_runs_with_the_same_settings_are_refused) {
  for (const auto& jobs : {std::vector{job_of(1, result_of), job_of(2, result_of), job_of(1, result_of)},
                           std::vector{job_of(1, result_of), job_with_prefixes(2, {1})}}) {
    BOOST_CHECK_EXCEPTION(run_quietly(jobs, 1), Error, [](const Error& error) {
      return std::string_view{error.what()}.find("seed 1") != std::string_view::npos;
    });
  }
}

BOOST_AUTO_TEST_CASE(no_jobs_have_no_results) {
  BOOST_TEST(run_quietly({}, 2).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
