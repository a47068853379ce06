/* For cppcheck, which reads no system headers: macros without which it cannot parse. */
#define cJSON_ArrayForEach(element, array) for (element = (array) ? (array)->child : 0; element; element = element->next)
