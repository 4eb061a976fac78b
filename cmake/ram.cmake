# How a layer says what it is. Its CMakeLists.txt is a few lines:
#
#   ram_layer(NAME store SOURCES hash_index.cc table.cc DEPENDS base THIRD_PARTY liburcu)
#   ram_test(NAME store_hash_index_test SOURCES hash_index_test.cc DEPENDS store)
#   ram_fuzz(NAME fuzz_frame SOURCES frame_fuzz.cc DEPENDS net CORPUS corpus/frame)
#   ram_bench(NAME bench_store SOURCES store_bench.cc DEPENDS store)
#   ram_binary(NAME ram SOURCES main.cc DEPENDS cli)
#
# DEPENDS names layers (`store` is the target ram_store), THIRD_PARTY what the table below says or
# any CMake target. Includes are written from src/ ("store/table.h"), from include/ ("ram/node.h")
# and, for what is outside src/, from the root of the tree ("sim/world.h").

include_guard()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_UNITY_BUILD OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or RelWithDebInfo" FORCE)
endif()
# No NDEBUG: RAM_CHECK is on in every build, and so may assert be.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g")

find_program(RAM_CCACHE ccache)
if(RAM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${RAM_CCACHE}")
endif()

include(GNUInstallDirs)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# ---- flags ----

add_library(ram_flags INTERFACE)
target_compile_features(ram_flags INTERFACE cxx_std_20)
target_compile_options(ram_flags INTERFACE
  # Not -Wpedantic: unsigned __int128 is wanted.
  -Wall -Wextra -Werror -Wvla -Wextra-semi
  -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Wundef
  -Wimplicit-fallthrough
  # {.field = value} is how option structs are written here.
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # These follow what the optimizer makes of std::string and std::variant; GCC 12 cries wolf.
  target_compile_options(ram_flags INTERFACE
    -Wno-restrict -Wno-error=array-bounds -Wno-error=stringop-overflow -Wno-error=stringop-overread
    -Wno-error=maybe-uninitialized -Wno-error=free-nonheap-object)
endif()
if(RAM_TEST_SWITCHES)
  target_compile_definitions(ram_flags INTERFACE RAM_TEST_SWITCHES=1)
endif()
if(RAM_SANITIZE)
  set(ram_sanitize_options -fsanitize=${RAM_SANITIZE} -fno-omit-frame-pointer)
  if(RAM_SANITIZE MATCHES "undefined")
    list(APPEND ram_sanitize_options -fno-sanitize-recover=all)
  endif()
  target_compile_options(ram_flags INTERFACE ${ram_sanitize_options})
  target_link_options(ram_flags INTERFACE ${ram_sanitize_options})
  # Half the time to compile of -O1 -g, for tests that take a little longer. xxhash insists on
  # inlining what -Og does not inline.
  target_compile_options(ram_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Og> -g1)
  target_compile_definitions(ram_flags INTERFACE XXH_NO_INLINE_HINTS=1)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Sanitized code confuses the flow analysis; -Wtsan complains of every fence.
    target_compile_options(ram_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow
                           -Wno-array-bounds)
    if(RAM_SANITIZE MATCHES "thread")
      target_compile_options(ram_flags INTERFACE -Wno-tsan)
    endif()
  endif()
endif()
if(RAM_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "RAM_FUZZ needs clang.\nRemedy: cmake --preset fuzz")
  endif()
  target_compile_options(ram_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(ram_flags INTERFACE -Wno-gnu-zero-variadic-macro-arguments
                         -Wno-keyword-macro)
endif()

# ---- the table of STYLE: who may link whom ----

set(ram_may_link_base "")
set(ram_may_link_store base)
set(ram_may_link_machine store base)
set(ram_may_link_lease base)
set(ram_may_link_consensus base)
set(ram_may_link_net base)
# `node` is what the simulator runs; `runtime`, in the same directory, puts it on real sockets.
set(ram_may_link_node base store machine lease consensus)
set(ram_may_link_runtime node net base store machine lease consensus)
set(ram_may_link_api runtime node machine store base)
set(ram_may_link_resp api net base)
set(ram_may_link_http api base)
set(ram_may_link_cli resp http api base)
set(ram_may_link_sim node base store machine lease consensus)

# ---- third-party libraries by their plain names ----

# Their pkg-config modules: how the ones without CMake files of their own are found here, and how
# the installed package finds all of them.
set(ram_pkg_config_module_libuv libuv)
set(ram_pkg_config_module_liburcu liburcu-memb)
set(ram_pkg_config_module_xxhash libxxhash)
set(ram_pkg_config_module_tomlplusplus tomlplusplus)
set(ram_pkg_config_module_civetweb civetweb)
set(ram_pkg_config_module_spdlog spdlog)
set(ram_pkg_config_module_fmt fmt)
set(ram_pkg_config_module_openssl libssl)

# Sets `out` to the CMake target for `name`, looking it up once.
function(ram_third_party name out)
  if(TARGET "${name}")
    set(${out} "${name}" PARENT_SCOPE)
    return()
  endif()
  set(missing "")
  if(name STREQUAL "boost")
    find_package(Boost 1.81 QUIET)
    set(target Boost::headers)
    set(missing libboost1.81-dev)
  elseif(name STREQUAL "spdlog")
    # Found twice it stops: its export set is partly defined then.
    if(NOT TARGET spdlog::spdlog)
      find_package(spdlog QUIET)
    endif()
    set(target spdlog::spdlog)
    set(missing libspdlog-dev)
  elseif(name STREQUAL "fmt")
    # Found twice it stops: its export set is partly defined then.
    if(NOT TARGET fmt::fmt)
      find_package(fmt QUIET)
    endif()
    set(target fmt::fmt)
    set(missing libfmt-dev)
  elseif(name STREQUAL "openssl")
    find_package(OpenSSL QUIET)
    set(target OpenSSL::SSL)
    set(missing libssl-dev)
  elseif(name STREQUAL "cli11")
    find_package(CLI11 QUIET)
    set(target CLI11::CLI11)
    set(missing libcli11-dev)
  elseif(name STREQUAL "rapidcheck")
    # Debian's own CMake files of it name no target that can be used; it is one header and one
    # archive.
    find_path(RAM_RAPIDCHECK_INCLUDE rapidcheck.h)
    find_library(RAM_RAPIDCHECK_LIBRARY rapidcheck)
    set(target ram_third_party_rapidcheck)
    set(missing librapidcheck-dev)
    if(RAM_RAPIDCHECK_INCLUDE AND RAM_RAPIDCHECK_LIBRARY)
      add_library(${target} UNKNOWN IMPORTED GLOBAL)
      set_target_properties(${target} PROPERTIES
        IMPORTED_LOCATION "${RAM_RAPIDCHECK_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${RAM_RAPIDCHECK_INCLUDE}")
    endif()
  else()
    if(NOT DEFINED ram_pkg_config_module_${name})
      message(FATAL_ERROR "THIRD_PARTY ${name}: neither a target nor known to cmake/ram.cmake.\n"
        "Remedy: add it to ram_third_party(), with its Debian package.")
    endif()
    pkg_check_modules(ram_pc_${name} QUIET IMPORTED_TARGET GLOBAL
                      ${ram_pkg_config_module_${name}})
    set(target PkgConfig::ram_pc_${name})
    set(missing ${name})
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "${name} is not installed (Debian package: ${missing}).\n"
      "Remedy: scripts/install_packages")
  endif()
  # Visible in every directory, not only in the one that looked first.
  get_target_property(imported ${target} IMPORTED)
  get_target_property(aliased ${target} ALIASED_TARGET)
  if(imported AND NOT aliased)
    get_target_property(global ${target} IMPORTED_GLOBAL)
    if(NOT global)
      set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    endif()
  endif()
  set(${out} ${target} PARENT_SCOPE)
endfunction()

# Links the layers in `depends` and the libraries in `third_party` to `target`.
function(ram_link target scope depends third_party)
  foreach(layer IN LISTS depends)
    target_link_libraries(${target} ${scope} ram_${layer})
  endforeach()
  foreach(name IN LISTS third_party)
    ram_third_party("${name}" library)
    target_link_libraries(${target} ${scope} ${library})
  endforeach()
endfunction()

# What every target of ours has: flags, include roots.
function(ram_target_basics target)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:ram_flags>)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE ours)
  string(FIND "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src/" at)
  if(ours AND NOT at EQUAL 0)
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  endif()
endfunction()

# ---- ram_layer ----
#
#   ram_layer(NAME store SOURCES a.cc b.cc [DEPENDS base] [THIRD_PARTY boost]
#             [PRIVATE_THIRD_PARTY x])
#
# The static library ram_<name>. THIRD_PARTY is passed on to those who include its headers;
# PRIVATE_THIRD_PARTY (libuv, ram::libraft) is seen by its own sources alone.
function(ram_layer)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME"
                        "SOURCES;DEPENDS;THIRD_PARTY;PRIVATE_THIRD_PARTY")
  ram_no_leftovers(ram_layer "${arg_UNPARSED_ARGUMENTS}")
  if(NOT DEFINED ram_may_link_${arg_NAME})
    message(FATAL_ERROR "ram_layer: '${arg_NAME}' is not in the table of layers (cmake/ram.cmake)")
  endif()
  foreach(layer IN LISTS arg_DEPENDS)
    if(NOT layer IN_LIST ram_may_link_${arg_NAME})
      message(FATAL_ERROR "ram_layer: ${arg_NAME} must not link ${layer}; it may link: "
        "${ram_may_link_${arg_NAME}} (cmake/ram.cmake, STYLE 'Who may include whom')")
    endif()
  endforeach()

  set(target ram_${arg_NAME})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    ram_target_basics(${target})
    ram_link(${target} PUBLIC "${arg_DEPENDS}" "${arg_THIRD_PARTY}")
    ram_link(${target} PRIVATE "" "${arg_PRIVATE_THIRD_PARTY}")
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}/src"
                               "${PROJECT_SOURCE_DIR}/include")
    ram_link(${target} INTERFACE "${arg_DEPENDS}" "${arg_THIRD_PARTY}")
  endif()

  set_property(GLOBAL PROPERTY RAM_THIRD_PARTY_${arg_NAME}
               ${arg_THIRD_PARTY} ${arg_PRIVATE_THIRD_PARTY})

  if(NOT arg_NAME STREQUAL "runtime")
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.h")
    ram_header_check(${arg_NAME} ${headers})
  endif()
endfunction()

# ---- ram_binary ----
#
#   ram_binary(NAME ram SOURCES main.cc [DEPENDS cli] [THIRD_PARTY cli11])
#
# A program that lands at the top of the build directory: build/release/<name>.
function(ram_binary)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPENDS;THIRD_PARTY")
  ram_no_leftovers(ram_binary "${arg_UNPARSED_ARGUMENTS}")
  add_executable(${arg_NAME} ${arg_SOURCES})
  ram_target_basics(${arg_NAME})
  ram_link(${arg_NAME} PRIVATE "${arg_DEPENDS}" "${arg_THIRD_PARTY}")
  set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
endfunction()

# ---- ram_test ----
#
#   ram_test(NAME store_hash_index_test SOURCES hash_index_test.cc [DEPENDS store] [THIRD_PARTY x]
#            [LABELS quick|long|process] [TIMEOUT seconds] [ARGS ...])
#
# A GoogleTest program with gtest_main and gmock, one ctest entry each; `quick` unless told
# otherwise. RAM_SOURCE_DIR is defined as the root of the tree, for golden files.
function(ram_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT"
                        "SOURCES;DEPENDS;THIRD_PARTY;LABELS;ARGS")
  ram_no_leftovers(ram_test "${arg_UNPARSED_ARGUMENTS}")
  if(NOT RAM_TESTS)
    return()
  endif()
  if(NOT TARGET GTest::gmock)
    find_package(GTest REQUIRED)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  ram_target_basics(${arg_NAME})
  ram_link(${arg_NAME} PRIVATE "${arg_DEPENDS}" "${arg_THIRD_PARTY}")
  target_link_libraries(${arg_NAME} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${arg_NAME} PRIVATE RAM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} --gtest_brief=1 ${arg_ARGS})
  ram_test_properties(${arg_NAME} "${arg_LABELS}" "${arg_TIMEOUT}")
endfunction()

function(ram_test_properties name labels timeout)
  if(NOT labels)
    set(labels quick)
  endif()
  if(NOT timeout)
    set(timeout 60)
  endif()
  if(RAM_SANITIZE)
    math(EXPR timeout "${timeout} * 5")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout})
  # A race or an overflow ends the test, whatever the test makes of it.
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
    "ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")
endfunction()

# ---- ram_script_test ----
#
#   ram_script_test(NAME resp_transcripts COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/run.py
#                   [LABELS process] [TIMEOUT seconds])
#
# Any command as a ctest entry; `python3` is Debian's own, which has Debian's modules. RAM_BINARY,
# RAM_BUILD_DIR and RAM_SOURCE_DIR are in its environment.
find_program(RAM_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(RAM_PYTHON python3)
function(ram_script_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "COMMAND;LABELS")
  ram_no_leftovers(ram_script_test "${arg_UNPARSED_ARGUMENTS}")
  if(NOT RAM_TESTS)
    return()
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS process)
  endif()
  list(TRANSFORM arg_COMMAND REPLACE "^python3$" "${RAM_PYTHON}")
  add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND})
  ram_test_properties(${arg_NAME} "${arg_LABELS}" "${arg_TIMEOUT}")
  set_property(TEST ${arg_NAME} APPEND PROPERTY ENVIRONMENT
    "RAM_BINARY=${PROJECT_BINARY_DIR}/ram" "RAM_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "RAM_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
endfunction()

# ---- ram_bench ----
#
#   ram_bench(NAME bench_store SOURCES store_bench.cc [DEPENDS store] [THIRD_PARTY x])
#
# A Google Benchmark program (main linked), with RAM_BENCH and where the library is found.
function(ram_bench)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPENDS;THIRD_PARTY")
  ram_no_leftovers(ram_bench "${arg_UNPARSED_ARGUMENTS}")
  if(NOT RAM_BENCH)
    return()
  endif()
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    return()
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  ram_target_basics(${arg_NAME})
  ram_link(${arg_NAME} PRIVATE "${arg_DEPENDS}" "${arg_THIRD_PARTY}")
  target_link_libraries(${arg_NAME} PRIVATE benchmark::benchmark benchmark::benchmark_main)
endfunction()

# ---- ram_fuzz ----
#
#   ram_fuzz(NAME fuzz_frame SOURCES frame_fuzz.cc [DEPENDS net] [CORPUS corpus/frame]
#            [RUNS 20000] [BYTES_MAX 4096])
#
# SOURCES define LLVMFuzzerTestOneInput. With RAM_FUZZ it is a libFuzzer program. Otherwise a small
# driver replays CORPUS and then RUNS inputs mutated from it, the same ones each time, as a ctest
# entry: so every run of the tests exercises every decoder.
function(ram_fuzz)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS;RUNS;BYTES_MAX;TIMEOUT"
                        "SOURCES;DEPENDS;THIRD_PARTY;LABELS")
  ram_no_leftovers(ram_fuzz "${arg_UNPARSED_ARGUMENTS}")
  if(NOT RAM_FUZZ AND NOT RAM_TESTS)
    return()
  endif()
  if(NOT arg_RUNS)
    set(arg_RUNS 20000)
  endif()
  if(NOT arg_BYTES_MAX)
    set(arg_BYTES_MAX 4096)
  endif()
  set(corpus "")
  if(arg_CORPUS)
    cmake_path(ABSOLUTE_PATH arg_CORPUS OUTPUT_VARIABLE corpus)
  endif()
  if(RAM_FUZZ)
    add_executable(${arg_NAME} ${arg_SOURCES})
    target_link_options(${arg_NAME} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${arg_NAME} ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/cmake/fuzz_driver.cc")
    add_test(NAME ${arg_NAME}
             COMMAND ${arg_NAME} --runs ${arg_RUNS} --bytes-max ${arg_BYTES_MAX} ${corpus})
    ram_test_properties(${arg_NAME} "${arg_LABELS}" "${arg_TIMEOUT}")
  endif()
  ram_target_basics(${arg_NAME})
  ram_link(${arg_NAME} PRIVATE "${arg_DEPENDS}" "${arg_THIRD_PARTY}")
endfunction()

# ---- ram_header_check ----
#
#   ram_header_check(store a.h b.h)
#
# Compiles each header alone, twice included, with the flags of the layer. ram_layer calls it for
# the headers of its directory. A header with a source of its name beside it stands alone already:
# it is what that source includes first, and scripts/tidy.py sees to it.
function(ram_header_check layer)
  if(NOT RAM_HEADER_CHECK OR NOT ARGN)
    return()
  endif()
  set(sources "")
  foreach(header IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH header)
    cmake_path(REPLACE_EXTENSION header LAST_ONLY ".cc" OUTPUT_VARIABLE own_source)
    if(EXISTS "${own_source}")
      continue()
    endif()
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE name)
    set(source "${PROJECT_BINARY_DIR}/headers/${name}.cc")
    set(content "#include \"${header}\"\n#include \"${header}\"\n")
    set(before "")
    if(EXISTS "${source}")
      file(READ "${source}" before)
    endif()
    if(NOT before STREQUAL content)
      file(WRITE "${source}" "${content}")
    endif()
    list(APPEND sources "${source}")
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(ram_${layer}_headers OBJECT ${sources})
  target_compile_options(ram_${layer}_headers PRIVATE -O0 -g0)
  ram_target_basics(ram_${layer}_headers)
  if(TARGET ram_${layer})
    target_link_libraries(ram_${layer}_headers PRIVATE ram_${layer})
  endif()
endfunction()

function(ram_no_leftovers function leftovers)
  if(leftovers)
    message(FATAL_ERROR "${function}: unknown arguments: ${leftovers}")
  endif()
endfunction()
