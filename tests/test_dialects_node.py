"""The vendors' Node clients, which write multipart, bodies and queries in ways of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clients import ClientError, node_client, node_environment, opened
from serving import Served, jpeg, served

ASPOSE = "@asposecloud/aspose-imaging-cloud"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("node") / "home") as running:
        yield running


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(0))
    return path


def test_the_node_client_of_watson(server: Served, picture: Path, photos: list[Path]) -> None:
    folder = node_environment("watson-developer-cloud@2.42.0")
    options = {"url": f"{server.url}/visual-recognition/api", "api_key": "KEY", "version_date": "2016-05-20"}
    with node_client(folder, "watson-developer-cloud:VisualRecognitionV3", options, callback=True) as watson:
        made = watson.createCollection({"name": "coats"})
        cid = {"collection_id": made["collection_id"]}
        assert watson.getCollection(cid) == made
        assert made in watson.listCollections({})["collections"]
        added = watson.addImage({**cid, "image_file": opened(picture), "metadata": {"colour": "grey"}})
        [image] = added["images"]
        assert (image["image_file"], image["metadata"]) == ("a.jpg", {"colour": "grey"})
        watson.addImage({**cid, "image_file": opened(photos[0])})
        iid = {**cid, "image_id": image["image_id"]}
        found = watson.findSimilar({**cid, "image_file": opened(picture)})["similar_images"]
        assert (len(found), found[0]["image_id"], found[0]["score"]) == (2, image["image_id"], 1)
        assert len(watson.findSimilar({**cid, "image_file": opened(picture), "limit": 1})["similar_images"]) == 1
        assert watson.setImageMetadata({**iid, "metadata": {"a": 1}}) == watson.getImageMetadata(iid) == {"a": 1}
        assert watson.deleteImageMetadata(iid) == {}
        assert watson.getImage(iid)["image_id"] == image["image_id"]
        assert len(watson.listImages(cid)["images"]) == 2
        assert watson.deleteImage(iid) == {}
        with pytest.raises(ClientError, match="404"):
            watson.getImage(iid)
        assert watson.deleteCollection(cid) == {}


def test_the_node_client_of_aspose(server: Served, picture: Path) -> None:
    folder = node_environment(f"{ASPOSE}@22.4.0")

    def asked(kind: str, **fields: Any) -> dict[str, Any]:
        return {"make": f"{ASPOSE}:{kind}Request", "kwargs": fields}

    content = {"imageData": {"bytes": str(picture)}}
    with node_client(folder, f"{ASPOSE}:ImagingApi", "secret", "id", server.url) as aspose:
        context = aspose.createImageSearch(asked("CreateImageSearch", detector="akaze"))
        cid = {"searchContextId": context["id"]}
        assert context["searchStatus"] == "Idle"
        aspose.createImageFeatures(asked("CreateImageFeatures", **cid, **content, imageId="a.jpg"))
        aspose.uploadFile(asked("UploadFile", path="N/b.jpg", file={"bytes": str(picture)}))
        aspose.createImageFeatures(asked("CreateImageFeatures", **cid, imagesFolder="N"))
        conditions = {"similarityThreshold": 50, "maxCount": 3}
        found = aspose.findSimilarImages(asked("FindSimilarImages", **cid, **conditions, **content))  # GET with a body
        assert {one["imageId"]: one["similarity"] for one in found["results"]} == {"a.jpg": 100, "N/b.jpg": 100}
        by_id = aspose.findSimilarImages(asked("FindSimilarImages", **cid, **conditions, imageId="a.jpg"))
        assert len(by_id["results"]) == 2
        extracted = aspose.extractImageFeatures(asked("ExtractImageFeatures", **cid, **content, imageId="x"))
        assert extracted["features"]
        aspose.createImageTag(asked("CreateImageTag", **cid, **content, tagName="T"))
        tagged = aspose.findImagesByTags(asked("FindImagesByTags", **cid, **conditions, tags='["T"]'))
        assert len(tagged["results"]) == 2
        [group] = aspose.findImageDuplicates(asked("FindImageDuplicates", **cid, similarityThreshold=99))["duplicates"]
        assert len(group["duplicateImages"]) == 2
        compared = aspose.compareImages(asked("CompareImages", **cid, **content, imageId1="a.jpg"))
        assert [one["similarity"] for one in compared["results"]] == [100]
        with pytest.raises(ClientError):
            aspose.getImageFeatures(asked("GetImageFeatures", **cid, imageId="none"))
        aspose.deleteImageSearch(asked("DeleteImageSearch", **cid))
        with pytest.raises(ClientError):
            aspose.getImageSearchStatus(asked("GetImageSearchStatus", **cid))
