"""The scripts of letters and digits, made by ``infra.script_ranges`` from the Unicode Character Database.

Source: Scripts.txt and ScriptExtensions.txt of Unicode 18.0.0, https://www.unicode.org/Public/18.0.0/ucd/
(Unicode License v3). Do not edit.
"""

UNICODE_VERSION = "18.0.0"

RANGES = """
30 -, 41 Latn, B5 -, BA Latn, 2B9 -, 2BC Beng/Cyrl/Deva/Latn/Lisu/Thai/Toto, 2BD -, 2C7 Bopo/Latn, 2C8 -,
2C9 Bopo/Latn, 2CC -, 2CD Latn/Lisu, 2CE -, 2E0 Latn, 2EC -, 370 Grek, 374 Copt/Grek, 376 Grek, 3E2 Copt,
3F0 Grek, 400 Cyrl, 531 Armn, 5C8 Hebr, 620 Arab, 640 Adlm/Arab/Mand/Mani/Ougr/Phlp/Rohg/Sogd/Syrc, 641 Arab,
660 Arab/Thaa/Yezi, 66E Arab, 710 Syrc, 750 Arab, 780 Thaa, 7C0 Nkoo, 800 Samr, 840 Mand, 860 Syrc, 870 Arab,
904 Deva, 966 Deva/Dogr/Kthi/Mahj, 971 Deva, 980 Beng, 9E6 Beng/Cakm/Sylo, 9F0 Beng, A05 Guru, A66 Guru/Mult,
A72 Guru, A85 Gujr, AE6 Gujr/Khoj, AF9 Gujr, B05 Orya, B83 Knda/Mlym/Taml/Telu, B85 Taml, BE6 Gran/Taml,
C05 Telu, C80 Knda, CE6 Knda/Nand/Tutg, CF1 Knda, D04 Mlym, D85 Sinh, E01 Thai, E81 Laoo, F00 Tibt, 1000 Mymr,
1040 Cakm/Mymr/Tale, 1050 Mymr, 10A0 Geor, 1100 Hang, 1200 Ethi, 13A0 Cher, 1401 Cans, 1681 Ogam, 16A0 Runr,
1700 Tglg, 1720 Hano, 1740 Buhd, 1760 Tagb, 1780 Khmr, 1810 Mong, 18B0 Cans, 1900 Limb, 1950 Tale, 1980 Talu,
1A00 Bugi, 1A20 Lana, 1ACF -, 1B05 Bali, 1B83 Sund, 1BC0 Batk, 1C00 Lepc, 1C50 Olck, 1C80 Cyrl, 1C90 Geor,
1CE9 Deva/Nand/Newa, 1CEA Beng/Deva/Shrd, 1CEB Deva/Newa, 1CEC Deva,
1CF2 Beng/Deva/Gran/Knda/Mlym/Nand/Orya/Sinh/Telu/Tirh/Tutg, 1CF3 Deva/Gran, 1CF5 Beng, 1CFA Nand, 1D00 Latn,
1D26 Grek, 1D2B Cyrl, 1D2C Latn, 1D5D Grek, 1D62 Latn, 1D66 Grek, 1D6B Latn, 1D78 Cyrl, 1D79 Latn, 1DBF Grek,
1E00 Latn, 1F00 Grek, 2071 Latn, 208F -, 2090 Latn, 20C1 -, 2126 Grek, 2128 -, 212A Latn, 212C -, 2132 Latn,
2133 -, 214E Latn, 2427 -, 2C00 Glag, 2C60 Latn, 2C80 Copt, 2D00 Geor, 2D30 Tfng, 2D80 Ethi, 2E2F -,
2FFC Hani/Tang, 3005 Hani, 3031 Hira/Kana, 303B Hani, 303C Hani/Hira/Kana, 3041 Hira, 30A1 Kana, 30FC Hira/Kana,
30FD Kana, 3105 Bopo, 3131 Hang, 31A0 Bopo, 31E4 Hani, 31EF Hani/Tang, 31F0 Kana, 3400 Hani, A000 Yiii,
A4D0 Lisu, A500 Vaii, A640 Cyrl, A6A0 Bamu, A717 -, A722 Latn, A788 -, A78B Latn, A800 Sylo, A840 Phag,
A882 Saur, A8F2 Deva, A8F3 Deva/Taml, A8F4 Deva, A900 Kali, A930 Rjng, A960 Hang, A984 Java, A9CF Bugi/Java,
A9D0 Java, A9E0 Mymr, AA00 Cham, AA60 Mymr, AA80 Tavt, AAE0 Mtei, AB01 Ethi, AB30 Latn, AB65 Grek, AB66 Latn,
AB70 Cher, ABC0 Mtei, AC00 Hang, F900 Hani, FB00 Latn, FB13 Armn, FB1D Hebr, FB50 Arab, FDF2 Arab/Thaa,
FDF3 Arab, FF10 -, FF21 Latn, FF66 Kana, FF70 Hira/Kana, FF71 Kana, FF9E Hira/Kana, FFA0 Hang, 10000 Linb,
10280 Lyci, 102A0 Cari, 10300 Ital, 10330 Goth, 10350 Perm, 10380 Ugar, 103A0 Xpeo, 10400 Dsrt, 10450 Shaw,
10480 Osma, 104B0 Osge, 10500 Elba, 10530 Aghb, 10570 Vith, 105C0 Todr, 10600 Lina, 10780 Latn, 10800 Cprt,
10840 Armi, 10860 Palm, 10880 Nbat, 108E0 Hatr, 10900 Phnx, 10920 Lydi, 10940 Sidt, 10980 Mero, 109A0 Merc,
10A00 Khar, 10A60 Sarb, 10A80 Narb, 10AC0 Mani, 10B00 Avst, 10B40 Prti, 10B60 Phli, 10B80 Phlp, 10C00 Orkh,
10C80 Hung, 10D00 Rohg, 10D40 Gara, 10E80 Yezi, 10EC2 Arab, 10F00 Sogo, 10F30 Sogd, 10F70 Ougr, 10FB0 Chrs,
10FE0 Elym, 11003 Brah, 11083 Kthi, 110D0 Sora, 11103 Cakm, 11150 Mahj, 11183 Shrd, 11200 Khoj, 11280 Mult,
112B0 Sind, 11305 Gran, 11380 Tutg, 11400 Newa, 11480 Tirh, 11580 Sidd, 11600 Modi, 11680 Takr, 116D0 Mymr,
11700 Ahom, 11800 Dogr, 118A0 Wara, 11900 Diak, 119A0 Nand, 11A00 Zanb, 11A50 Soyo, 11AB0 Cans, 11AC0 Pauc,
11B00 Deva, 11B60 Shrd, 11BC0 Sunu, 11C00 Bhks, 11C72 Marc, 11D00 Gonm, 11D60 Gong, 11DB0 Tols, 11DF0 Beng,
11EE0 Maka, 11F00 Kawi, 11FB0 Lisu, 12000 Xsux, 12550 Pcun/Xsux, 12587 Xsux, 1258C Pcun/Xsux, 1258E Xsux,
1259A Pcun/Xsux, 125A8 Pcun, 1264C Xsux, 12F90 Cpmn, 13000 Egyp, 14400 Hluw, 16100 Gukh, 16800 Bamu, 16A40 Mroo,
16A70 Tnsa, 16AD0 Bass, 16B00 Hmng, 16D40 Krai, 16E40 Medf, 16EA0 Berf, 16F00 Plrd, 16FE0 Tang, 16FE1 Nshu,
16FE3 Hani, 17000 Tang, 18B00 Kits, 18D00 Tang, 18E00 Jurc, 1AFF0 Kana, 1B001 Hira, 1B120 Kana, 1B123 Hira,
1B124 Kana, 1B132 Hira, 1B155 Kana, 1B170 Nshu, 1BC00 Dupl, 1CC00 -, 1DF00 Latn, 1DFF3 Grek, 1DFF5 Latn,
1E030 Cyrl, 1E100 Hmnp, 1E290 Toto, 1E2C0 Wcho, 1E4D0 Nagm, 1E5D0 Onao, 1E6C0 Tayo, 1E7E0 Ethi, 1E800 Mend,
1E900 Adlm, 1EE00 Arab, 1F1AE -, 20000 Hani, 3D000 Seal
"""
"""The first code point of each range, in hex, and the scripts that use its letters and digits: the property
Script_Extensions, by its short names. ``-`` stands for every script. A range ends where the next one begins."""
