// Arithmetic that gives the same bits in every build. A compiler may turn a * b + c into one instruction that rounds
// once, where the processor has it; then a build for another processor, or a wider vector, gives other results.
//
//     NANOBOOK_EXACT_FLOAT double f(double a, double b, double c) {
//         NANOBOOK_NO_CONTRACTION
//         return a * b + c;
//     }
#pragma once

#if defined(__clang__)
#define NANOBOOK_EXACT_FLOAT
#define NANOBOOK_NO_CONTRACTION _Pragma("clang fp contract(off)")
#elif defined(__GNUC__)
#define NANOBOOK_EXACT_FLOAT [[gnu::optimize("fp-contract=off")]]
#define NANOBOOK_NO_CONTRACTION
#else
#define NANOBOOK_EXACT_FLOAT
#define NANOBOOK_NO_CONTRACTION
#endif

#if defined(__FAST_MATH__)
#error "nanobook's portfolio counts money in doubles where that is exact; -ffast-math breaks it"
#endif
