"""The compiled part of nanobook; import nanobook instead."""



version: str = ...
