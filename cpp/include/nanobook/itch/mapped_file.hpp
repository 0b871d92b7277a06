// A whole file as bytes in memory, mapped where the system can, read where it cannot.
#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace nanobook::itch {

/// Read-only. The file must not shrink while it is mapped: the system answers a read past its new end with a signal.
class MappedFile {
  public:
    /// std::system_error naming the file where it is missing, a directory, or not readable.
    explicit MappedFile(const std::filesystem::path& path) {
        if (std::filesystem::is_directory(path)) {
            throw std::system_error(std::make_error_code(std::errc::is_a_directory), path.string());
        }
        load(path);
    }

    MappedFile(MappedFile&& other) noexcept { swap(other); }
    MappedFile& operator=(MappedFile&& other) noexcept {
        swap(other);
        return *this;
    }
    ~MappedFile() { unmap(); }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return mapping_ != nullptr ? std::span{static_cast<const std::byte*>(mapping_), size_} : std::span{buffer_};
    }

  private:
#if defined(_WIN32)
    void load(const std::filesystem::path& path) {
        const HANDLE file = ::CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING,
                                          FILE_ATTRIBUTE_NORMAL | FILE_FLAG_SEQUENTIAL_SCAN, nullptr);
        if (file == INVALID_HANDLE_VALUE) throw last_error(path);
        LARGE_INTEGER size{};
        const bool sized = ::GetFileSizeEx(file, &size) != 0;
        // An empty file cannot be mapped, and has nothing to read.
        if (sized && size.QuadPart > 0) {
            if (const HANDLE section = ::CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr)) {
                mapping_ = ::MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
                ::CloseHandle(section);
            }
            size_ = static_cast<std::size_t>(size.QuadPart);
        }
        const bool failed = !sized || (size_ > 0 && mapping_ == nullptr);
        const auto error = last_error(path);
        ::CloseHandle(file);
        if (failed) throw error;
    }

    static std::system_error last_error(const std::filesystem::path& path) {
        return {static_cast<int>(::GetLastError()), std::system_category(), path.string()};
    }

    void unmap() noexcept {
        if (mapping_ != nullptr) ::UnmapViewOfFile(mapping_);
    }
#else
    void load(const std::filesystem::path& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) throw std::system_error(errno, std::generic_category(), path.string());
        struct stat status{};
        if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
            const auto size = static_cast<std::size_t>(status.st_size);
            void* const mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
            if (mapping != MAP_FAILED) {
                ::madvise(mapping, size, MADV_SEQUENTIAL);
                mapping_ = mapping;
                size_ = size;
            }
        }
        // An empty file, a pipe, a file system without mapping.
        const int error = mapping_ == nullptr ? read(file) : 0;
        ::close(file);
        if (error != 0) throw std::system_error(error, std::generic_category(), path.string());
    }

    int read(int file) {
        constexpr std::size_t step = std::size_t{1} << 20;
        std::size_t filled = 0;
        for (;;) {
            buffer_.resize(filled + step);
            const auto count = ::read(file, buffer_.data() + filled, step);
            if (count < 0 && errno == EINTR) continue;
            buffer_.resize(filled + static_cast<std::size_t>(count > 0 ? count : 0));
            if (count <= 0) return count < 0 ? errno : 0;
            filled = buffer_.size();
        }
    }

    void unmap() noexcept {
        if (mapping_ != nullptr) ::munmap(mapping_, size_);
    }
#endif

    void swap(MappedFile& other) noexcept {
        std::swap(mapping_, other.mapping_);
        std::swap(size_, other.size_);
        std::swap(buffer_, other.buffer_);
    }

    void* mapping_ = nullptr;
    std::size_t size_ = 0;
    std::vector<std::byte> buffer_;
};

}  // namespace nanobook::itch
