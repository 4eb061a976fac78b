# ram::libraft, the consensus engine: exactly libraft 0.22.1, linked statically.
#
# Looked for in this order: RAM_LIBRAFT_ROOT, pkg-config, build/libraft, scripts/fetch_libraft. Only
# its core is used (raft_step); the parts of the archive that need libuv and LZ4 are never pulled
# in, so nothing else is to be linked. src/consensus includes raft.h and nobody else does.

set(ram_libraft_wanted 0.22.1)

# Sets `out_header_dir` and `out_archive` to what is under `root`, or to nothing.
function(ram_find_libraft_under root out_header_dir out_archive)
  file(GLOB headers "${root}/usr/include/raft.h" "${root}/include/raft.h")
  file(GLOB archives
       "${root}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libraft.a" "${root}/usr/lib/*/libraft.a"
       "${root}/usr/lib/libraft.a" "${root}/lib/*/libraft.a" "${root}/lib/libraft.a")
  if(headers AND archives)
    list(GET headers 0 header)
    list(GET archives 0 archive)
    cmake_path(GET header PARENT_PATH header_dir)
    set(${out_header_dir} "${header_dir}" PARENT_SCOPE)
    set(${out_archive} "${archive}" PARENT_SCOPE)
  else()
    set(${out_header_dir} "" PARENT_SCOPE)
    set(${out_archive} "" PARENT_SCOPE)
  endif()
endfunction()

set(ram_libraft_include "")
set(ram_libraft_archive "")
if(RAM_LIBRAFT_ROOT)
  ram_find_libraft_under("${RAM_LIBRAFT_ROOT}" ram_libraft_include ram_libraft_archive)
  if(NOT ram_libraft_archive)
    message(FATAL_ERROR "RAM_LIBRAFT_ROOT=${RAM_LIBRAFT_ROOT} has no raft.h or no libraft.a.\n"
      "Remedy: name the directory above include/ or usr/include/, or leave the option out.")
  endif()
endif()

if(NOT ram_libraft_archive)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(RAM_PC_RAFT QUIET "raft=${ram_libraft_wanted}")
    if(RAM_PC_RAFT_FOUND)
      pkg_get_variable(ram_libraft_include raft includedir)
      pkg_get_variable(ram_libraft_libdir raft libdir)
      if(EXISTS "${ram_libraft_libdir}/libraft.a")
        set(ram_libraft_archive "${ram_libraft_libdir}/libraft.a")
      endif()
    endif()
  endif()
endif()

if(NOT ram_libraft_archive)
  execute_process(COMMAND "${PROJECT_SOURCE_DIR}/scripts/fetch_libraft"
                  RESULT_VARIABLE ram_libraft_result)
  if(NOT ram_libraft_result EQUAL 0)
    message(FATAL_ERROR "libraft ${ram_libraft_wanted} could not be had; see above.\n"
      "Remedy: scripts/fetch_libraft, or configure with -DRAM_LIBRAFT_ROOT=DIR")
  endif()
  ram_find_libraft_under("${PROJECT_SOURCE_DIR}/build/libraft" ram_libraft_include
                         ram_libraft_archive)
endif()

# raft.h knows its version only as three numbers.
set(ram_libraft_found "")
foreach(part IN ITEMS MAJOR MINOR RELEASE)
  file(STRINGS "${ram_libraft_include}/raft.h" line REGEX "^#define RAFT_VERSION_${part} ")
  string(REGEX REPLACE ".* ([0-9]+).*" "\\1" number "${line}")
  list(APPEND ram_libraft_found "${number}")
endforeach()
list(JOIN ram_libraft_found "." ram_libraft_found)
if(NOT ram_libraft_found STREQUAL ram_libraft_wanted)
  message(FATAL_ERROR
    "${ram_libraft_include}/raft.h is version '${ram_libraft_found}'; ram needs exactly "
    "${ram_libraft_wanted}: other versions lose writes or free memory differently.\n"
    "Remedy: leave RAM_LIBRAFT_ROOT out (the right one is fetched), or remove build/libraft and "
    "configure again.")
endif()
message(STATUS "libraft ${ram_libraft_found}: ${ram_libraft_archive}")

add_library(ram_libraft STATIC IMPORTED GLOBAL)
add_library(ram::libraft ALIAS ram_libraft)
set_target_properties(ram_libraft PROPERTIES
  IMPORTED_LOCATION "${ram_libraft_archive}"
  INTERFACE_INCLUDE_DIRECTORIES "${ram_libraft_include}")
