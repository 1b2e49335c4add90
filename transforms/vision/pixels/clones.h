#ifndef FB_CLONES_H
#define FB_CLONES_H

// FB_CLONES compiles a function also for the wider registers that most machines have.
// Only for arithmetic on integers, which gives the same with any.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define FB_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FB_CLONES
#endif

#endif
