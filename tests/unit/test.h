/* cmocka with the headers it wants in front of it. */
#ifndef SPANTOP_TESTS_TEST_H
#define SPANTOP_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
