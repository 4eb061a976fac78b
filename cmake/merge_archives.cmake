# Writes one archive with the members of many: cmake -DAR= -DOUTPUT= "-DARCHIVES=a;b" -P this.

set(commands "CREATE ${OUTPUT}\n")
foreach(archive IN LISTS ARCHIVES)
  string(APPEND commands "ADDLIB ${archive}\n")
endforeach()
string(APPEND commands "SAVE\nEND\n")
file(WRITE "${OUTPUT}.mri" "${commands}")
file(REMOVE "${OUTPUT}")
execute_process(COMMAND "${AR}" -M INPUT_FILE "${OUTPUT}.mri" RESULT_VARIABLE result)
if(NOT result EQUAL 0 OR NOT EXISTS "${OUTPUT}")
  message(FATAL_ERROR "${AR} could not merge ${ARCHIVES}.\n"
    "Remedy: a path with a space or a + in it? ar's scripts take none; build elsewhere.")
endif()
