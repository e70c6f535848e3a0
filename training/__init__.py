"""How the embedded model is made: from labelled images to `detectors/models/ouro-v1`. See README.md."""
