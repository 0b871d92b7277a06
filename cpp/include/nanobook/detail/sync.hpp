// What makes a file survive a power cut.
#pragma once

#include <cerrno>
#include <filesystem>

#if defined(_WIN32)
#include <io.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace nanobook::detail {

/// Returns when the bytes of an open file are on the disk: 0, or else why they are not.
[[nodiscard]] inline int sync_file(int file) noexcept {
#if defined(_WIN32)
    return ::_commit(file) == 0 ? 0 : errno;
#else
#if defined(F_FULLFSYNC)
    // On macOS fsync stops at the disk's own cache.
    if (::fcntl(file, F_FULLFSYNC) == 0) return 0;
#endif
    while (::fsync(file) != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
#endif
}

/// A name, new or taken over, survives a power cut only once its folder knows of it. Best effort: not every system can.
inline void sync_folder_of([[maybe_unused]] const std::filesystem::path& path) noexcept {
#if !defined(_WIN32)
    const int folder = ::open(path.has_parent_path() ? path.parent_path().c_str() : ".", O_RDONLY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
#endif
}

}  // namespace nanobook::detail
