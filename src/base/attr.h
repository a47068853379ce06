/* Compiler attributes, named once. */
#ifndef SPANTOP_BASE_ATTR_H
#define SPANTOP_BASE_ATTR_H

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NODISCARD __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#endif
