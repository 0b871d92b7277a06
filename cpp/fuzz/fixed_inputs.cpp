// Feeds a fuzz target a fixed set of inputs, so that the ordinary test run covers it with any compiler: the seeds of
// its corpus folder as they are, then seeds and noise with bytes changed, cut off and repeated. Always the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int mutations = 20'000;
constexpr std::size_t longest_noise = 512;

// std::uniform_int_distribution differs between standard libraries; the remainder is the same everywhere.
std::size_t below(std::mt19937_64& random, std::size_t limit) { return static_cast<std::size_t>(random() % limit); }

std::vector<Bytes> read_seeds(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> paths;
    if (std::filesystem::is_directory(folder)) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());

    std::vector<Bytes> seeds;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return seeds;
}

Bytes noise(std::mt19937_64& random) {
    Bytes bytes(below(random, longest_noise));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

void mutate(Bytes& bytes, std::mt19937_64& random) {
    for (std::size_t n = 1 + below(random, 8); n > 0 && !bytes.empty(); --n) {
        const std::size_t at = below(random, bytes.size());
        switch (random() % 4) {
            case 0: bytes[at] = static_cast<std::uint8_t>(random()); break;
            case 1: bytes[at] ^= static_cast<std::uint8_t>(1U << below(random, 8)); break;
            case 2: bytes.resize(at); break;
            default: bytes.insert(bytes.end(), bytes[at]); break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<Bytes> seeds = read_seeds(argc > 1 ? argv[1] : "");
    for (const Bytes& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());

    std::mt19937_64 random(1);
    for (int i = 0; i < mutations; ++i) {
        const bool from_seed = !seeds.empty() && i % 2 == 0;
        Bytes bytes = from_seed ? seeds[below(random, seeds.size())] : noise(random);
        mutate(bytes, random);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%zu seeds and %d mutations: no crash\n", seeds.size(), mutations);
}
