/*
 * Lists parcels and their expected bytes, computed manually from the table in docs/ipc-io.md: the
 * written values, in the macros of test_ipc_io_vectors.c, and the resulting bytes. That test and
 * test/unit/ipc-io/vectors.test.ts read the list, so that C and TypeScript write the same bytes.
 * ILP32_PARCEL: only where a SpecialObj has 16 bytes.
 *
 * There is no header guard because the file is included once per use. An argument contains no
 * parenthesis.
 */
/* clang-format off */

/* Numbers that occupy one word */
PARCEL("01000000 00000000", VALUE(Bool, true) VALUE(Bool, false))
PARCEL("ffffffff 80ffffff 7f000000", VALUE(Int8, -1) VALUE(Int8, -128) VALUE(Int8, 127))
PARCEL("0080ffff ff7f0000 feffffff", VALUE(Int16, -32768) VALUE(Int16, 32767) VALUE(Int16, -2))
PARCEL("01000080 ffffff7f 78563412", VALUE(Int32, -2147483647) VALUE(Int32, 2147483647) VALUE(Int32, 0x12345678))
PARCEL("ff000000 80000000", VALUE(Uint8, 255) VALUE(Uint8, 0x80))
PARCEL("ffff0000 00800000", VALUE(Uint16, 65535) VALUE(Uint16, 0x8000))
PARCEL("ffffffff 04030201", VALUE(Uint32, 0xffffffff) VALUE(Uint32, 0x01020304))

/* Numbers of 8 bytes, and floating-point numbers */
PARCEL("feffffffffffffff ffffffffffffff7f", VALUE(Int64, -2) VALUE(Int64, 0x7fffffffffffffff))
PARCEL("0102030405060708 ffffffffffffffff", VALUE(Uint64, 0x0807060504030201) VALUE(Uint64, 0xffffffffffffffff))
PARCEL("0000c03f 000080be", VALUE(Float, 1.5) VALUE(Float, -0.25))
PARCEL("000000000000f83f 000000000000d0bf", VALUE(Double, 1.5) VALUE(Double, -0.25))

/* Unaligned values; the position of the next value is not rounded up */
PARCEL("01 00 ff fe", VALUE(BoolUnaligned, true) VALUE(BoolUnaligned, false) VALUE(Int8Unaligned, -1) VALUE(Uint8Unaligned, 254))
PARCEL("feff 0180", VALUE(Int16Unaligned, -2) VALUE(Uint16Unaligned, 0x8001))
PARCEL("ff 01000000 7f feffffff", VALUE(Int8Unaligned, -1) VALUE(Bool, true) VALUE(Uint8Unaligned, 127) VALUE(Int32, -2))
PARCEL("01 feffffffffffffff 02", VALUE(BoolUnaligned, true) VALUE(Int64, -2) VALUE(Uint8Unaligned, 2))

/* Text */
PARCEL("00000000 00000000", TEXT(""))
PARCEL("03000000 61626300", TEXT("abc"))
PARCEL("04000000 61626364 00000000", TEXT("abcd"))
PARCEL("05000000 c3a4e282 ac000000", TEXT("ä€"))
PARCEL("07 02000000 68690000 09000000", VALUE(Uint8Unaligned, 7) TEXT("hi") VALUE(Int32, 9))
PARCEL("01000000 61000000", TEXT16(u"a"))
PARCEL("02000000 61006200 00000000", TEXT16(u"ab"))
PARCEL("03000000 e400ac20 7a000000", TEXT16(u"ä€z"))
PARCEL("02000000 3dd800de 00000000", TEXT16(u"😀"))
PARCEL("04000000 49005000 43002e00 00000000", TOKEN(u"IPC."))

/* Bytes */
PARCEL("09000000", BYTES(Buffer, 9))
PARCEL("0102030405 000000", BYTES(Buffer, 1, 2, 3, 4, 5))
PARCEL("04000000 01020304", BYTES(RawData, 1, 2, 3, 4))
PARCEL("01000000 ff000000 01000000", BYTES(RawData, 255) VALUE(Bool, true))

/* Vectors */
PARCEL("03000000 01000000 00000000 01000000", LIST(BoolVector, true, false, true))
PARCEL("03000000 01 ff 80", LIST(Int8Vector, 1, -1, -128))
PARCEL("02000000 ffffffff 02000000", LIST(Int16Vector, -1, 2))
PARCEL("02000000 ffffffff 02000000", LIST(Int32Vector, -1, 2))
PARCEL("01000000 feffffffffffffff", LIST(Int64Vector, -2))
PARCEL("02000000 ff 01", LIST(UInt8Vector, 255, 1))
PARCEL("03000000 ffff 0100 0200", LIST(UInt16Vector, 65535, 1, 2))
PARCEL("01000000 ffffffff", LIST(UInt32Vector, 0xffffffff))
PARCEL("01000000 ffffffffffffffff", LIST(UInt64Vector, 0xffffffffffffffff))
PARCEL("02000000 0000c03f 000080be", LIST(FloatVector, 1.5, -0.25))
PARCEL("01000000 000000000000f83f", LIST(DoubleVector, 1.5))
PARCEL("01000000 05 01000000 0700 01000000", LIST(Int8Vector, 5) LIST(UInt16Vector, 7) VALUE(Bool, true))

/* Objects: type, then content. A descriptor has 4 bytes; a service has handle, token and cookie. */
ILP32_PARCEL("00000000 05000000 00000000 00000000", DESCRIPTOR(5))
ILP32_PARCEL("02000000 ffffffff 01000000 4d000000", OBJECT(-1, 1, 77))
ILP32_PARCEL("01000000 02000000 0c000000 02000000 03000000 00000000 03000000 00000000 00000000",
             VALUE(Int32, 1) OBJECT(12, 2, 3) DESCRIPTOR(3))
ILP32_PARCEL("09 02000000 07000000 01000000 00000000", VALUE(Uint8Unaligned, 9) OBJECT(7, 1, 0))

/* Requests to the ServiceManager of the small system: ENDPOINT/POST and FEATURE/GET */
ILP32_PARCEL("00000000 00000000 01000000 02000000 ffffffff 01000000 2a000000",
             VALUE(Int32, 0) VALUE(Uint32, 0) VALUE(Uint32, 1) OBJECT(-1, 1, 42))
PARCEL("00000000 01000000 00000000 03000000 666f6f00 01000000",
       VALUE(Int32, 0) VALUE(Uint32, 1) VALUE(Uint32, 0) TEXT("foo") VALUE(Bool, true))
