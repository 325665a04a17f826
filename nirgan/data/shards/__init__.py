"""Pictures in tar files: what `nirgan data shard` writes, and what `--data` reads.

A set of 100,000 small files is slow to copy and to list. Shards hold the same files, byte by byte, in a few tars of
about 500 MB, in the form that webdataset streams: the members of a sample share all of their name before its first dot.

    shard-000000.tar    SET/NAME.json       set, name, category, scene, split, pairing, region
                        SET/NAME.nir.png    the source's file
                        SET/NAME.rgb.jpg    the target's file; one file for both is SET/NAME.pair.png
    nirgan-index.csv    one line a sample: the same words, and where its files lie
    split.csv           that of the folder, if it has one
    band.yaml           the band of all sources, if it is stated (``nirgan.data.bands``)

In members' names everything but letters, digits, ``_ - ~ /`` is written as ``%XX``; the true names are in the JSON.

Reading needs neither webdataset nor a scan: the index says at which byte of which tar a file begins, and a picture in a
shard has a path like any other, ``DIR/shard-000000.tar/SET/NAME.nir.png``, which ``read_bytes`` opens. One sampler thus
serves files and shards. A lost index is made again from the tars' headers. Nothing is ever unpacked.
"""
